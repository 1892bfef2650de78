CREATE SCHEMA otv_agent;

CREATE TABLE otv_agent.audit_entry (
    sequence INTEGER NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    event VARCHAR(64) NOT NULL,
    partner_id VARCHAR(64),
    details TEXT NOT NULL,
    mac VARCHAR(64) NOT NULL,
    CONSTRAINT pk_audit_entry PRIMARY KEY (sequence)
);

CREATE TABLE otv_agent.booking (
    partner_id VARCHAR(64) NOT NULL,
    booking_id VARCHAR(64) NOT NULL,
    revision INTEGER NOT NULL,
    action VARCHAR(10) NOT NULL,
    content_sha256 VARCHAR(64) NOT NULL,
    record TEXT NOT NULL,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_booking PRIMARY KEY (partner_id, booking_id, revision)
);

CREATE INDEX ix_booking_partner_id_decided_at ON otv_agent.booking (partner_id, decided_at);

CREATE TABLE otv_agent.disclosure (
    partner_id VARCHAR(64) NOT NULL,
    patient_id INTEGER NOT NULL,
    alias VARCHAR(32) NOT NULL,
    first_sent_at TIMESTAMP WITH TIME ZONE,
    removed_at TIMESTAMP WITH TIME ZONE,
    removal_sequence INTEGER,
    removal_confirmed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_disclosure PRIMARY KEY (partner_id, patient_id),
    CONSTRAINT uq_disclosure_partner_id_alias UNIQUE (partner_id, alias)
);

CREATE TABLE otv_agent.finished_booking (
    partner_id VARCHAR(64) NOT NULL,
    booking_id VARCHAR(64) NOT NULL,
    purged_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_finished_booking PRIMARY KEY (partner_id, booking_id)
);

CREATE TABLE otv_agent.good_state (
    partner_id VARCHAR(64) NOT NULL,
    kind VARCHAR(32) NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    measure TEXT NOT NULL,
    CONSTRAINT pk_good_state PRIMARY KEY (partner_id, kind)
);

CREATE TABLE otv_agent.hold (
    partner_id VARCHAR(64) NOT NULL,
    kind VARCHAR(32) NOT NULL,
    held_at TIMESTAMP WITH TIME ZONE NOT NULL,
    changes TEXT NOT NULL,
    released_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_hold PRIMARY KEY (partner_id, kind)
);

CREATE TABLE otv_agent.inbound_message (
    partner_id VARCHAR(64) NOT NULL,
    message_id VARCHAR(100) NOT NULL,
    content_sha256 VARCHAR(64) NOT NULL,
    sealed_sha256 VARCHAR(64) NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    in_reply_to VARCHAR(64),
    receipt_id VARCHAR(64) NOT NULL,
    receipt_sequence INTEGER NOT NULL,
    audit_head VARCHAR(100) NOT NULL,
    CONSTRAINT pk_inbound_message PRIMARY KEY (partner_id, message_id)
);

CREATE TABLE otv_agent.key_warning (
    subject VARCHAR(200) NOT NULL,
    ends_at TIMESTAMP WITH TIME ZONE NOT NULL,
    step INTEGER NOT NULL,
    warned_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_key_warning PRIMARY KEY (subject, ends_at, step)
);

CREATE TABLE otv_agent.outbound_message (
    message_id VARCHAR(64) NOT NULL,
    partner_id VARCHAR(64) NOT NULL,
    kind VARCHAR(32) NOT NULL,
    sequence INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    record_count INTEGER NOT NULL,
    patient_count INTEGER NOT NULL,
    sealed_sha256 VARCHAR(64) NOT NULL,
    CONSTRAINT pk_outbound_message PRIMARY KEY (message_id),
    CONSTRAINT uq_outbound_message_partner_id_kind_sequence UNIQUE (partner_id, kind, sequence)
);

CREATE TABLE otv_agent.partner_appointment (
    partner_id VARCHAR(64) NOT NULL,
    booking_id VARCHAR(64) NOT NULL,
    appointment_id INTEGER NOT NULL,
    patient_id INTEGER NOT NULL,
    told_status VARCHAR(20) NOT NULL,
    told_column_id INTEGER NOT NULL,
    told_starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
    told_ends_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_partner_appointment PRIMARY KEY (partner_id, booking_id),
    CONSTRAINT uq_partner_appointment_appointment_id UNIQUE (appointment_id)
);

CREATE INDEX ix_partner_appointment_patient_id ON otv_agent.partner_appointment (patient_id);

CREATE TABLE otv_agent.purge_mark (
    subject VARCHAR(32) NOT NULL,
    before_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_purge_mark PRIMARY KEY (subject)
);

CREATE TABLE otv_agent.receipt_line (
    partner_id VARCHAR(64) NOT NULL,
    message_id VARCHAR(100) NOT NULL,
    position INTEGER NOT NULL,
    record TEXT NOT NULL,
    CONSTRAINT pk_receipt_line PRIMARY KEY (partner_id, message_id, position)
);

CREATE TABLE otv_agent.revoked_key (
    partner_id VARCHAR(64) NOT NULL,
    fingerprint VARCHAR(40) NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_revoked_key PRIMARY KEY (partner_id, fingerprint)
);

CREATE TABLE otv_agent.revoked_partner (
    partner_id VARCHAR(64) NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_revoked_partner PRIMARY KEY (partner_id)
);

CREATE TABLE otv_agent.schema_version (
    version SERIAL NOT NULL,
    CONSTRAINT pk_schema_version PRIMARY KEY (version)
);

CREATE TABLE otv_agent.sequence_number (
    partner_id VARCHAR(64) NOT NULL,
    kind VARCHAR(32) NOT NULL,
    last INTEGER NOT NULL,
    CONSTRAINT pk_sequence_number PRIMARY KEY (partner_id, kind)
);

CREATE TABLE otv_agent.staff_note (
    note_id INTEGER GENERATED BY DEFAULT AS IDENTITY,
    kind VARCHAR(64) NOT NULL,
    partner_id VARCHAR(64) NOT NULL,
    patient_id INTEGER NOT NULL,
    other_patient_id INTEGER,
    appointment_id INTEGER,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    resolved_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_staff_note PRIMARY KEY (note_id)
);

CREATE TABLE otv_agent.update_message (
    message_id VARCHAR(64) NOT NULL,
    partner_id VARCHAR(64) NOT NULL,
    sequence INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    audit_head VARCHAR(100) NOT NULL,
    published_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_update_message PRIMARY KEY (message_id),
    CONSTRAINT uq_update_message_partner_id_sequence UNIQUE (partner_id, sequence)
);

CREATE TABLE otv_agent.update_line (
    message_id VARCHAR(64) NOT NULL,
    position INTEGER NOT NULL,
    record TEXT NOT NULL,
    CONSTRAINT pk_update_line PRIMARY KEY (message_id, position),
    CONSTRAINT fk_update_line_message_id FOREIGN KEY(message_id) REFERENCES otv_agent.update_message (message_id)
);

INSERT INTO otv_agent.schema_version (version) VALUES (1);
