"""The whole corpus, in the order of its families."""

from tests.hostile import (
    container_cases,
    folder_cases,
    good_files,
    payload_cases,
    sequence_cases,
    signature_cases,
)
from tests.hostile.case import Family

HOSTILE = [
    *signature_cases.CASES,
    *container_cases.CASES,
    *payload_cases.CASES,
    *sequence_cases.CASES,
    *folder_cases.CASES,
]
CASES = [*HOSTILE, *good_files.CASES]

TOPICS: dict[Family, str] = {
    Family.SIGNATURE: (
        "unsigned · signed only · armored · detached · other partner's key · look-alike key · unknown ·"
        " expired · revoked · signature expired or from the future · weak hash · weak key ·"
        " several signatures · symmetric · no integrity packet · wrong and too many recipients · v6 ·"
        " sign outside encrypt · forwarded content · replayed receipt · changed · of another kind"
    ),
    Family.CONTAINER: (
        "empty · random · cut · flipped bits · trailing packets · leading packets · bombs ·"
        " nested compression · several contents · length tricks · sizes at the limit"
    ),
    Family.PAYLOAD: (
        "strict json · encodings · numbers · depth · lengths · character classes · injections ·"
        " impossible dates and times · not on offer"
    ),
    Family.SEQUENCE: "repeats · gaps · reordering · id reuse · revoked",
    Family.FOLDER: (
        "links · fifo · device · directory · growing · replaced while read · names · unreadable ·"
        " folder deleted and made anew · crash loop · own fault"
    ),
    Family.GOOD: "GnuPG · Sequoia · PGPy",
}
"""What each family must hold at least one case of."""
