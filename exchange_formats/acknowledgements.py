"""Kind `acknowledgements`: the partner has erased what a patients file told it to.

The envelope's `in_reply_to` is the `message_id` of the patients file with the
removals, so that an old confirmation is never taken for one of a later removal.
"""

from typing import Literal

from exchange_formats.fields import Identifier, Record


class RemovalAcknowledgement(Record):
    """Everything held under this alias is erased."""

    record: Literal["removal_acknowledgement"]
    patient_id: Identifier
