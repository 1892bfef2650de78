"""The bridge between a dental practice's appointment book and its online booking partners.

One page of the house:

    app             wires an agent from the configuration; every entrance leads through it
    daemon          runs the stories by the clock          clockwork       its jobs, and what runs now
    administration  an operator's tasks                    cli/            the command line
    reception       what the staff ask                     recipients      who was told what; closing a lane
    status          what waits and what happened           log_setup       how the agent's lines look
    board           what the status page shows              language        sentences in German and English
    config/         agent.yaml and partners/*.yaml         errors          the error tree and its exit codes
    flows/          the stories, one file each: export, tell_updates, hand_over, deliver, receive; its steps:
                    answer, import_bookings (with sitting and book), acknowledge; what must not go: outdated
    domain/         the rules: no clock, no files, no logging
    ports           what the stories need from the outside
    adapters/       database, gpg, folders, SFTP: each behind a port
    key_administration  pins, withdrawals, handovers       key_calendar    every key and its end
    licence_gate    rule R1 at every door                  troubles        told once at begin and end
    sample_practice an invented practice to try things out on

One word per thing, in code, YAML, logs and docs:

    practice        the dental practice                    partner         a booking portal (OTV-Partner)
    lane            all that belongs to one partner        slot            a free time that can be booked
    booking         a partner's wish for a slot            appointment     what stands in the book
    document        data with an envelope                  sealed file     its signed and encrypted bytes
    outbox, sent    files for a partner                    inbound         files from a partner
    archive         done with                              quarantine      set aside, with a reason
    receipt         our answer to a message                ledger          what has been answered or disclosed
    update          what staff changed, told to a partner  removal         notice that an alias must be erased
    alias           a patient's id for one partner         template area   reserved or blocked time

Verbs: read (database), decide (rules), encode and decode (documents), seal and
open (OpenPGP), put, claim, finish, release and recover (folders), upload and
fetch (SFTP), sweep (an inbound folder).
"""
