# Send the free slots of the next 90 days.
set -eo pipefail
folder="$(dirname "$0")"
"$PYTHON" "$folder/free_slots.py" "$DATABASE" | bash "$folder/send.sh" availability
