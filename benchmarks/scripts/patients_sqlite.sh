# Send every patient who agreed.
set -eo pipefail
sqlite3 "$DATABASE" "
  SELECT json_object(
    'record', 'patient',
    'patient_id', CAST(patient.patient_id AS text),
    'given_name', given_name,
    'family_name', family_name,
    'birth_date', nullif(birth_date, '1900-01-01'),
    'contact_points', (
      SELECT json_group_array(json_object('system', system, 'use', use, 'value', value))
      FROM contact_point WHERE contact_point.patient_id = patient.patient_id))
  FROM patient JOIN consent ON consent.patient_id = patient.patient_id
  WHERE partner_id = 'dentport' AND status = 'GRANTED' AND active" |
  bash "$(dirname "$0")/send.sh" patients
