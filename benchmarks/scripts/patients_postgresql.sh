# Send every patient who agreed.
set -eo pipefail
psql --quiet "$DATABASE" --command "
  COPY (
    SELECT json_build_object(
      'record', 'patient',
      'patient_id', patient.patient_id::text,
      'given_name', given_name,
      'family_name', family_name,
      'birth_date', nullif(birth_date, '1900-01-01'),
      'contact_points', coalesce(points, '[]'))
    FROM practice.patient
    JOIN practice.consent ON consent.patient_id = patient.patient_id
    LEFT JOIN (
      SELECT patient_id,
        json_agg(json_build_object('system', system, 'use', use, 'value', value)) AS points
      FROM practice.contact_point GROUP BY patient_id
    ) AS contact ON contact.patient_id = patient.patient_id
    WHERE partner_id = 'dentport' AND status = 'GRANTED' AND active
  ) TO STDOUT" |
  bash "$(dirname "$0")/send.sh" patients
