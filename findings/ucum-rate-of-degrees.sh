#!/usr/bin/env bash
# @atomic-ehr/ucum 0.2.5 and @lhncbc/ucum-lhc 7.1.10 (npm): a quarter of a degree an hour is 273.15 K/h, and 60 decibels are 10^24 Pa.
#
# UCUM, "special units on non-ratio scales": Cel is a function with an offset, not a factor, and can't be part of an algebraic
# term. Patients are rewarmed at 0.25 degrees an hour; ask for that in K/h and the first adds the offset (and after it divides
# by the seconds of the hour), without an error, and calls the unit valid. The second refuses. B[SPL] (audiograms) is twice
# the decimal logarithm of a pressure over 2*10^-5 Pa, and dB a tenth of it: 60 dB is 0.02 Pa, as the second says.
# The first takes the tenth on the wrong side of the logarithm and leaves out the 2. 37 Cel in [degF] is right in both.
# Seen: first 98.6, 273.1501 valid, 1e+24; second 98.6, refused, 0.02
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
npm init -y >/dev/null; npm install --silent --no-audit --no-fund @atomic-ehr/ucum@0.2.5 @lhncbc/ucum-lhc@7.1.10 >/dev/null
cat > see.mjs <<'JS'
import { ucum } from '@atomic-ehr/ucum';
import lhc from '@lhncbc/ucum-lhc';
const utils = lhc.UcumLhcUtils.getInstance();
const short = (value) => (value === null ? 'refused' : Number(value.toPrecision(7)));
const asked = [[37, 'Cel', '[degF]'], [0.25, 'Cel/h', 'K/h'], [60, 'dB[SPL]', 'Pa']];
console.log('first', ...asked.map(([value, from, to]) => short(ucum.convert(value, from, to))), ucum.validate('Cel/h').valid);
console.log('second', ...asked.map(([value, from, to]) => short(utils.convertUnitTo(from, value, to).toVal)));
JS
seen=$(node see.mjs); echo "$seen"
[ "$seen" = "first 98.6 273.1501 1e+24 true
second 98.6 refused 0.02" ]
