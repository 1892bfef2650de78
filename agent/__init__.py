"""The bridge between a dental practice's appointment book and its online booking partners.

One page of the house. What everything stands on:

    config/         agent.yaml and partners/*.yaml         errors          the error tree and its exit codes
    app             wires an agent; nothing else does      operations      the agent, and what it can do
    domain/         the rules: no clock, no files, no logging
    flows/          the stories, one file each: export, tell_updates, hand_over, deliver, fetch, receive;
                    exchange (deliver and fetch in one visit); steps of receive: answer, import_bookings (with
                    sitting and book), acknowledge, hold_bookings; what must not go: hold_export, outdated,
                    withdrawn, give_up; what goes: heading, snapshot_document; try_file (receive, taken back)
    ports/          what the stories need from the outside
    adapters/       database, gpg, folders, SFTP: each behind a port

The service

    daemon          when each job has its turn             clockwork       runs the jobs
    lane_jobs       for one partner                        sweep           what has arrived, lanes in turn
    practice_jobs   for the practice as a whole            job_names       of jobs, and places of trouble
    troubles        told once at begin and end             watch           heartbeat, metrics file, mail
    log_setup       how the agent's lines look             clock           the machine's
    log_file        a file that begins anew                journal         the priority of each line
    licence_gate    rule R1 at every door

What people ask of it, each in words of its own

    cli/            the command line                       language        German and English
    doctor/         everything the agent needs, looked at  database_administration  making tables, migrations
    installation    setting up, partners coming and going  administration  an operator's tasks
    key_administration  pins, withdrawals, handovers       key_calendar    every key and its end
    status          what waits and what happened           metrics         the same as numbers
    status_page/    a small website by the daemon          board           what it shows
    operators       who is at work                         holds           what waits for a person's look
    tracing         what became of this booking            retention       what is no longer needed
    reception       what the staff ask                     recipients      who was told what; closing a lane
    partner_check   the whole way to a partner, tried      server_check    its first half: the server
    rehearsal       what would leave, into a folder
    tried_steps     each told at once, with its time       documentation   what pages say from the code
    oversight       what data protection asks              key_details     all there is to say of a key
    backup          what is not in the database, saved     restoring       and put back
    sample_practice an invented practice                   service/        as a service of this machine
    quarantine      what was set aside                     freshness       how long since all went well
    board_reader    reads the board, whatever is down      board_rows      its part from folders and keys
    board_book      its part from the database

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
