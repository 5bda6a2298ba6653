#!/usr/bin/env bash
# edifact 1.2.12 (npm) and ts-edifact 0.0.14 (npm), a later port: which characters a message may hold.
#
# ISO 9735: UNB names the character set; UNOA is capitals only, UNOB has small letters, UNOC is Latin-1. Health messages in the UK
# say UNOA, UNOB and UNOC. The first reader keeps to UNOA whatever UNB says until its caller sets another, so a valid UNOB
# message is an error at its first small letter. The second follows UNB (but can't be loaded as it is installed: it needs
# htmlparser2, which is not among its dependencies).
# Seen: edifact refused; ts-edifact not loaded, then with htmlparser2: "a b"
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
npm init -y >/dev/null; npm install --silent --no-audit --no-fund edifact@1.2.12 ts-edifact@0.0.14 >/dev/null
cat > see.js <<'JS'
const message = "UNB+UNOB:2+SENDER+RECEIVER+260101:1200+1'UNH+1+NHS003:D:93A:UN:NH'FTX+RPD+++a b'UNT+3+1'UNZ+1+1'";
const say = (name, read) => { try { console.log(name, read()); } catch (error) { console.log(name, error.code || 'refused'); } };
console.warn = console.log.bind(null, '#');
say('edifact', () => { const { Parser } = require('edifact'); const parser = new Parser(); parser.write(message); return 'read'; });
say('ts-edifact', () => {
  const { Reader } = require('ts-edifact');
  return new Reader().parse(message).find((segment) => segment.name === 'FTX').elements[3][0];
});
JS
one=$(node see.js 2>/dev/null | grep -E '^(ts-)?edifact '); npm install --silent --no-audit --no-fund htmlparser2@12.0.0 >/dev/null
two=$(node see.js 2>/dev/null | grep -E '^ts-edifact '); echo "$one"; echo "$two"
[ "$one" = "edifact refused
ts-edifact MODULE_NOT_FOUND" ] && [ "$two" = "ts-edifact a b" ]
