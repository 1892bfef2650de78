# Seal standard input for the partner and put it on its server. Argument: name of the file there.
set -eo pipefail
file="$WORK_FOLDER/$1.pgp"
gpg --batch --yes --quiet --trust-model always $GPG_OPTIONS \
  --local-user "$PRACTICE_KEY" --recipient "$PARTNER_KEY" --sign --encrypt --output "$file"
sftp -q -b - -F "$SSH_CONFIG" $SFTP_OPTIONS partner <<END
put $file inbox/$1.part
rename inbox/$1.part inbox/$1.pgp
END
