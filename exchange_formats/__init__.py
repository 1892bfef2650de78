"""What practices and booking partners exchange: files of JSON lines, one framing for all kinds.

A partner can use this package alone; it needs pydantic and nothing of the agent.

    envelope         first line: who, to whom, which kind, which number, when, until when
    availability     practice -> partner: open, busy and template time, and the free slots
    reference_data   practice -> partner: practitioners, columns, rooms, types, assignments
    patients         practice -> partner: who consented, and who is to be removed
    bookings         partner -> practice: what patients chose, cancelled or moved
    receipts         practice -> partner: one definite answer per booking
    appointment_updates  practice -> partner: what staff changed in appointments of this partner
    acknowledgements     partner -> practice: removals that were carried out
    key_handover     practice -> partner: another key will sign
    codec            lines to documents and back, strictly
    file_names       how sealed files are called
    schema_export    the committed JSON Schemas, made from the models

The words for statuses are those of FHIR R4 and gematik ISiK Terminplanung.
docs/exchange-formats.md tells the whole exchange to a partner's engineer.
"""

FORMAT = "otv"
VERSION = 1
