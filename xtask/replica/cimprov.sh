#!/bin/sh
# A nested self-extracting script, as the bundle carries several: it unpacks
# itself, finds no Apache, and goes. The archive begins at line @SKIP@.

if [ -d /run/replica-truth ]; then
    . /run/replica-truth/say
    truth command cimprov -
fi
SCRIPT=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
work=$(mktemp -d /tmp/cimprov.XXXXXX) || exit 1
tail -n +@SKIP@ "$SCRIPT" | tar xzf - -C "$work" || exit 1
if ! which apache2 >/dev/null || ! grep -q '^apache' "$work/README"; then
    echo "Apache is not there to be monitored"
fi
rm -rf "$work"
exit 0
