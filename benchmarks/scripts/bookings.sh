# Take every bookings file that has arrived into the appointment book.
set -eo pipefail
for file in "$INBOUND"/*.pgp; do
  gpg --batch --quiet --decrypt "$file" 2>> "$WORK_FOLDER/gpg.log" |
    "$PYTHON" "$(dirname "$0")/insert_bookings.py" "$DATABASE"
  mv "$file" "$WORK_FOLDER"
done
