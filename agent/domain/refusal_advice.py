"""What each reason means to the practice, and the one thing to do about it.

For the people at the practice's server; what it means to the partner stands
in docs/exchange-formats.md. A test holds every reason explained.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.errors import QuarantineReason
from exchange_formats.receipts import BookingReason, MessageReason

SEND_AGAIN = "Ask the partner to send it again."
TELL_THE_PARTNER = "The partner has been told by a signed receipt and sends a corrected message."


@dataclass(frozen=True, slots=True)
class Advice:
    """What it means, and what to do."""

    meaning: str
    remedy: str


ADVICE: Mapping[str, Advice] = {
    QuarantineReason.EMPTY: Advice("The file had no bytes.", SEND_AGAIN),
    QuarantineReason.TOO_LARGE: Advice(
        "The file was larger than `inbound.max_message_bytes`; only its beginning is kept.",
        "Ask the partner to send several smaller messages, or raise the limit and have it sent again.",
    ),
    QuarantineReason.NOT_A_REGULAR_FILE: Advice(
        "It was a link, a folder, a pipe or a device; nothing of it was opened.",
        "Find out who can write into the inbound folder, and tell the partner to put plain files.",
    ),
    QuarantineReason.UNREADABLE: Advice(
        "The service may not read the file.",
        "Give the service's account the right to read what arrives in the folder, then have it sent again.",
    ),
    QuarantineReason.UNEXPECTED_NAME: Advice(
        "The name was not one that is accepted, and nobody renamed the file for a day.",
        "Tell the partner to name complete files `something.pgp`, and to send it again.",
    ),
    QuarantineReason.CRASH_LOOP: Advice(
        "The agent ended several times while it worked on this file.",
        "Report it as a defect with the log of those times; `otv-agent quarantine retry` tries once more.",
    ),
    QuarantineReason.NOT_OPENPGP: Advice(
        "It is no binary OpenPGP file.", "Ask the partner to send binary files, not ASCII armor."
    ),
    QuarantineReason.NOT_ENCRYPTED: Advice(
        "The file was not encrypted: whoever carried it could read it.",
        "Tell the partner at once; it must encrypt to the practice's key.",
    ),
    QuarantineReason.NO_INTEGRITY: Advice(
        "It was encrypted in an outdated way that hides changes.",
        "Ask the partner to use a current OpenPGP program.",
    ),
    QuarantineReason.WRONG_RECIPIENT: Advice(
        "It was encrypted for another key, for a hidden one or for a password.",
        "Send the partner the practice's present key: `otv-agent keys export`.",
    ),
    QuarantineReason.DAMAGED: Advice("It was cut or changed on the way.", SEND_AGAIN),
    QuarantineReason.BOMB: Advice(
        "It would expand to more than is ever needed.", "Ask the partner to send several smaller messages."
    ),
    QuarantineReason.NOT_SIGNED: Advice(
        "Nobody signed it, so anybody may have written it.", "Ask the partner to sign with its key."
    ),
    QuarantineReason.UNEXPECTED_STRUCTURE: Advice(
        "It is built in a way that could mean two things.",
        "Point the partner to the chapter on sealing in docs/exchange-formats.md.",
    ),
    QuarantineReason.WRONG_SIGNER: Advice(
        "It was signed by a key that is not pinned for this partner.",
        "If the partner has a new key, compare it by telephone and pin it (`otv-agent keys pin`), then "
        "retry. If not, somebody else can write into its folder.",
    ),
    QuarantineReason.BAD_SIGNATURE: Advice(
        "The signature does not fit the content.", f"{SEND_AGAIN} If it happens again, compare the keys."
    ),
    QuarantineReason.KEY_EXPIRED: Advice(
        "The partner's key had expired.",
        "Get the renewed key, pin it (`otv-agent keys pin`), then retry.",
    ),
    QuarantineReason.KEY_REVOKED: Advice(
        "The partner's key is revoked: somebody else may hold it.",
        "Agree on a new key by telephone before anything is accepted.",
    ),
    QuarantineReason.WEAK_SIGNATURE: Advice(
        "It was signed with a digest that can be forged, such as SHA-1.",
        "Ask the partner to sign with SHA-256 or SHA-512.",
    ),
    QuarantineReason.SIGNATURE_TIME: Advice(
        "It was signed too long ago, or in the future.",
        "Compare the practice's clock and the partner's; then have it sealed and sent again.",
    ),
    MessageReason.INVALID_DOCUMENT: Advice("A field or the framing is wrong.", TELL_THE_PARTNER),
    MessageReason.UNSUPPORTED_VERSION: Advice("It is of a format version not known here.", TELL_THE_PARTNER),
    MessageReason.WRONG_PRACTICE: Advice("It is meant for another practice.", TELL_THE_PARTNER),
    MessageReason.WRONG_PARTNER: Advice(
        "It names another partner than the one who signed.", TELL_THE_PARTNER
    ),
    MessageReason.WRONG_KIND: Advice("It is of a kind that partners do not send.", TELL_THE_PARTNER),
    MessageReason.TIME_OUT_OF_BOUNDS: Advice(
        "It was written too long ago, or in the future.",
        f"{TELL_THE_PARTNER} If there are many, compare the clocks.",
    ),
    MessageReason.MESSAGE_ID_REUSED: Advice(
        "Its message id was used before for another content.", TELL_THE_PARTNER
    ),
    MessageReason.PARTNER_REVOKED: Advice(
        "The partner's lane is closed.",
        "Nothing, or `otv-agent disclosures --readmit-partner` if the exchange is to go on.",
    ),
}

NOTHING = "Nothing: the partner has its answer."

DECLINED: Mapping[str, Advice] = {
    BookingReason.SLOT_TAKEN: Advice(
        "Somebody was faster, or the partner has reached the practice's limit for that day.",
        "Nothing: the partner offers other times. If there are many, let free times be exported more often "
        "(`schedule.availability_every_minutes`).",
    ),
    BookingReason.SLOT_NOT_OFFERED: Advice(
        "The time is not on offer: closed, blocked, reserved, too far ahead, or of another assignment.",
        "Nothing, if hours were changed lately. If there are many, ask the partner whether it sells from "
        "the newest file.",
    ),
    BookingReason.LEAD_TIME_PASSED: Advice(
        "It would begin too soon.",
        "Nothing; `offer.lead_time_minutes` and `offer.lead_time_working_days` say how soon is too soon.",
    ),
    BookingReason.ASSIGNMENT_UNKNOWN: Advice(
        "There is no such appointment assignment any more.",
        "Nothing: the partner gets the present ones once a day, or with `otv-agent export`.",
    ),
    BookingReason.NOT_FOR_NEW_PATIENTS: Advice(
        "Somebody new to the practice chose what is offered to its patients only.",
        "Nothing, or open the assignment to new patients in the practice's software.",
    ),
    BookingReason.DURATION_UNKNOWN: Advice(
        "Neither the assignment nor its appointment type has a length.",
        "Give one of them a length in the practice's software; until then it has no free times.",
    ),
    BookingReason.BIRTH_DATE_IMPLAUSIBLE: Advice(
        "The birth date lies in the future, or is a placeholder such as 1900-01-01.",
        "Nothing: the partner asks the person again.",
    ),
    BookingReason.CONFLICT: Advice(
        "The same booking came before with other content, has or had an appointment, or was cancelled first.",
        "Nothing; `otv-agent trace BOOKING` shows what was decided when.",
    ),
    BookingReason.STALE_REVISION: Advice("A later wish about this booking was decided before.", NOTHING),
    BookingReason.UNKNOWN_APPOINTMENT: Advice(
        "There is no appointment of this partner under this booking id.",
        "Nothing; if the patient calls, look for the appointment in the appointment book.",
    ),
    BookingReason.APPOINTMENT_CLOSED: Advice(
        "The appointment has begun, is over, or is cancelled.", "Nothing: the patient calls or books anew."
    ),
    BookingReason.ACTION_NOT_PERMITTED: Advice(
        "This partner may not cancel, or not move, what it booked.",
        "Nothing, or allow it: `may_cancel` and `may_reschedule` in the partner's file.",
    ),
}
"""Why one line of a bookings file was declined; its file is imported all the same."""
