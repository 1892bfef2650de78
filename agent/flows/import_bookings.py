"""Import: the bookings of one document, decided and written inside the caller's transaction.

The step of `agent.flows.receive` in which the appointment book changes. The
rules decide on what this transaction sees, and the database has the last word
on every slot (promise P13). Each booking gets exactly one outcome, and the
same booking again gets the first one (promise P2).
"""

from collections.abc import Callable
from datetime import datetime

from agent.domain import documents
from agent.domain.attribution import attribution_problem
from agent.domain.availability import busy_around, parse_slot_id
from agent.domain.booking_rules import Accept, BookingRequest, Refuse, decide
from agent.domain.consent import usable_birth_date
from agent.domain.intervals import instant, utc_datetime
from agent.domain.matching import Match, PersonInBooking, match
from agent.domain.practice import Consent, ContactPoint, PracticeCalendar
from agent.errors import OtvUserError, SlotTakenError
from agent.flows.lane import Lane, PracticeSide
from agent.ports import LedgerBooking, NewAppointment, NewPatient, WriteTransaction
from exchange_formats.bookings import BookingRecord
from exchange_formats.codec import BookingDocument, content_digest
from exchange_formats.receipts import BookingOutcome, BookingReason
