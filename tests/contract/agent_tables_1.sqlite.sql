CREATE TABLE audit_entry (
    sequence INTEGER NOT NULL,
    at VARCHAR(20) NOT NULL,
    event VARCHAR(64) NOT NULL,
    partner_id VARCHAR(64),
    details TEXT NOT NULL,
    mac VARCHAR(64) NOT NULL,
    CONSTRAINT pk_audit_entry PRIMARY KEY (sequence)
);

CREATE TABLE booking (
    partner_id VARCHAR(64) NOT NULL,
    booking_id VARCHAR(64) NOT NULL,
    revision INTEGER NOT NULL,
    action VARCHAR(10) NOT NULL,
    content_sha256 VARCHAR(64) NOT NULL,
    record TEXT NOT NULL,
    decided_at VARCHAR(20) NOT NULL,
    CONSTRAINT pk_booking PRIMARY KEY (partner_id, booking_id, revision)
);

CREATE INDEX ix_booking_partner_id_decided_at ON booking (partner_id, decided_at);

CREATE TABLE disclosure (
    partner_id VARCHAR(64) NOT NULL,
    patient_id INTEGER NOT NULL,
    alias VARCHAR(32) NOT NULL,
    first_sent_at VARCHAR(20),
    removed_at VARCHAR(20),
    removal_sequence INTEGER,
    removal_confirmed_at VARCHAR(20),
    CONSTRAINT pk_disclosure PRIMARY KEY (partner_id, patient_id),
    CONSTRAINT uq_disclosure_partner_id_alias UNIQUE (partner_id, alias)
);

CREATE TABLE finished_booking (
    partner_id VARCHAR(64) NOT NULL,
    booking_id VARCHAR(64) NOT NULL,
    purged_at VARCHAR(20) NOT NULL,
    CONSTRAINT pk_finished_booking PRIMARY KEY (partner_id, booking_id)
);

CREATE TABLE good_state (
    partner_id VARCHAR(64) NOT NULL,
    kind VARCHAR(32) NOT NULL,
    recorded_at VARCHAR(20) NOT NULL,
    measure TEXT NOT NULL,
    CONSTRAINT pk_good_state PRIMARY KEY (partner_id, kind)
);

CREATE TABLE hold (
    partner_id VARCHAR(64) NOT NULL,
    kind VARCHAR(32) NOT NULL,
    held_at VARCHAR(20) NOT NULL,
    changes TEXT NOT NULL,
    released_at VARCHAR(20),
    CONSTRAINT pk_hold PRIMARY KEY (partner_id, kind)
);

CREATE TABLE inbound_message (
    partner_id VARCHAR(64) NOT NULL,
    message_id VARCHAR(100) NOT NULL,
    content_sha256 VARCHAR(64) NOT NULL,
    sealed_sha256 VARCHAR(64) NOT NULL,
    received_at VARCHAR(20) NOT NULL,
    in_reply_to VARCHAR(64),
    receipt_id VARCHAR(64) NOT NULL,
    receipt_sequence INTEGER NOT NULL,
    audit_head VARCHAR(100) NOT NULL,
    CONSTRAINT pk_inbound_message PRIMARY KEY (partner_id, message_id)
);

CREATE TABLE key_warning (
    subject VARCHAR(200) NOT NULL,
    ends_at VARCHAR(20) NOT NULL,
    step INTEGER NOT NULL,
    warned_at VARCHAR(20) NOT NULL,
    CONSTRAINT pk_key_warning PRIMARY KEY (subject, ends_at, step)
);

CREATE TABLE outbound_message (
    message_id VARCHAR(64) NOT NULL,
    partner_id VARCHAR(64) NOT NULL,
    kind VARCHAR(32) NOT NULL,
    sequence INTEGER NOT NULL,
    created_at VARCHAR(20) NOT NULL,
    record_count INTEGER NOT NULL,
    patient_count INTEGER NOT NULL,
    sealed_sha256 VARCHAR(64) NOT NULL,
    CONSTRAINT pk_outbound_message PRIMARY KEY (message_id),
    CONSTRAINT uq_outbound_message_partner_id_kind_sequence UNIQUE (partner_id, kind, sequence)
);

CREATE TABLE partner_appointment (
    partner_id VARCHAR(64) NOT NULL,
    booking_id VARCHAR(64) NOT NULL,
    appointment_id INTEGER NOT NULL,
    patient_id INTEGER NOT NULL,
    told_status VARCHAR(20) NOT NULL,
    told_column_id INTEGER NOT NULL,
    told_starts_at VARCHAR(20) NOT NULL,
    told_ends_at VARCHAR(20) NOT NULL,
    CONSTRAINT pk_partner_appointment PRIMARY KEY (partner_id, booking_id),
    CONSTRAINT uq_partner_appointment_appointment_id UNIQUE (appointment_id)
);

CREATE INDEX ix_partner_appointment_patient_id ON partner_appointment (patient_id);

CREATE TABLE purge_mark (
    subject VARCHAR(32) NOT NULL,
    before_at VARCHAR(20) NOT NULL,
    CONSTRAINT pk_purge_mark PRIMARY KEY (subject)
);

CREATE TABLE receipt_line (
    partner_id VARCHAR(64) NOT NULL,
    message_id VARCHAR(100) NOT NULL,
    position INTEGER NOT NULL,
    record TEXT NOT NULL,
    CONSTRAINT pk_receipt_line PRIMARY KEY (partner_id, message_id, position)
);

CREATE TABLE revoked_key (
    partner_id VARCHAR(64) NOT NULL,
    fingerprint VARCHAR(40) NOT NULL,
    revoked_at VARCHAR(20) NOT NULL,
    CONSTRAINT pk_revoked_key PRIMARY KEY (partner_id, fingerprint)
);

CREATE TABLE revoked_partner (
    partner_id VARCHAR(64) NOT NULL,
    revoked_at VARCHAR(20) NOT NULL,
    CONSTRAINT pk_revoked_partner PRIMARY KEY (partner_id)
);

CREATE TABLE schema_version (
    version INTEGER NOT NULL,
    CONSTRAINT pk_schema_version PRIMARY KEY (version)
);

CREATE TABLE sequence_number (
    partner_id VARCHAR(64) NOT NULL,
    kind VARCHAR(32) NOT NULL,
    last INTEGER NOT NULL,
    CONSTRAINT pk_sequence_number PRIMARY KEY (partner_id, kind)
);

CREATE TABLE staff_note (
    note_id INTEGER NOT NULL,
    kind VARCHAR(64) NOT NULL,
    partner_id VARCHAR(64) NOT NULL,
    patient_id INTEGER NOT NULL,
    other_patient_id INTEGER,
    appointment_id INTEGER,
    created_at VARCHAR(20) NOT NULL,
    resolved_at VARCHAR(20),
    CONSTRAINT pk_staff_note PRIMARY KEY (note_id)
);

CREATE TABLE update_message (
    message_id VARCHAR(64) NOT NULL,
    partner_id VARCHAR(64) NOT NULL,
    sequence INTEGER NOT NULL,
    created_at VARCHAR(20) NOT NULL,
    audit_head VARCHAR(100) NOT NULL,
    published_at VARCHAR(20),
    CONSTRAINT pk_update_message PRIMARY KEY (message_id),
    CONSTRAINT uq_update_message_partner_id_sequence UNIQUE (partner_id, sequence)
);

CREATE TABLE update_line (
    message_id VARCHAR(64) NOT NULL,
    position INTEGER NOT NULL,
    record TEXT NOT NULL,
    CONSTRAINT pk_update_line PRIMARY KEY (message_id, position),
    CONSTRAINT fk_update_line_message_id FOREIGN KEY(message_id) REFERENCES update_message (message_id)
);

INSERT INTO schema_version (version) VALUES (1);
