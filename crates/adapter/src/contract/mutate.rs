//! Changed inputs: by value, and at random.

/// Changes the letters and digits of a value and nothing else, so that the shape stays. `None` where there is
/// none to change. Escape sequences (`&amp;`, `\T\`, `?'`) keep their bytes: only the longest run of letters and
/// digits outside them changes.
pub(super) fn mutate_value(input: &[u8], start: usize, end: usize, attempt: u8) -> Option<Vec<u8>> {
    let mut out = input.to_vec();
    let value = out.get_mut(start..end)?;
    let mut changed = false;
    let mut skip = false;
    for (at, byte) in value.iter_mut().enumerate() {
        match *byte {
            b'&' | b'\\' => skip = !skip || *byte == b'&',
            b';' => skip = false,
            _ if skip => {}
            b'0'..=b'9' => {
                let by = 1 + attempt * 2 + (at % 3) as u8;
                *byte = b'0' + (*byte - b'0' + by) % 10;
                changed = true;
            }
            b'a'..=b'z' => {
                *byte = b'a' + (*byte - b'a' + 7 + attempt * 5 + (at % 4) as u8) % 26;
                changed = true;
            }
            b'A'..=b'Z' => {
                *byte = b'A' + (*byte - b'A' + 7 + attempt * 5 + (at % 4) as u8) % 26;
                changed = true;
            }
            _ => {}
        }
    }
    (changed && out.get(start..end) != input.get(start..end)).then_some(out)
}

/// Bytes that mean something to one format or another.
const SPECIAL: &[u8] = b"|^~\\&+:'?,\"<>/\r\n\0\xFF{}[]";

/// A small deterministic generator (xorshift): tests must repeat.
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below a bound (0 where the bound is 0).
    pub fn below(&mut self, bound: usize) -> usize {
        (self.number() % bound.max(1) as u64) as usize
    }

    /// One to four changes: a byte replaced, removed, doubled, a stretch cut, moved or repeated, the end cut off.
    pub fn mutate(&mut self, input: &[u8]) -> Vec<u8> {
        let mut out = input.to_vec();
        for _ in 0..=self.below(4) {
            if out.is_empty() {
                return out;
            }
            let at = self.below(out.len());
            let len = 1 + self.below(24);
            let end = (at + len).min(out.len());
            match self.below(8) {
                0 => out[at] = self.number() as u8,
                1 => {
                    out.remove(at);
                }
                2 => {
                    let byte = SPECIAL[self.below(SPECIAL.len())];
                    out.insert(at, byte);
                }
                3 => {
                    out.drain(at..end);
                }
                4 => {
                    let stretch = out[at..end].to_vec();
                    let to = self.below(out.len());
                    out.splice(to..to, stretch);
                }
                5 => out.truncate(at),
                6 => out[at] ^= 1 << self.below(8),
                _ => {
                    let other = self.below(out.len());
                    out.swap(at, other);
                }
            }
        }
        out
    }
}
