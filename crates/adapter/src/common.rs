//! Rules that formats share: what is told alike whatever the format.

crate::rules! {
    INPUT_READ Fatal Exception "input-read" "the input could not be read to its end"
        "send it again; if it fails again, tell the operator";
    INPUT_TOO_LONG Fatal TooLong "input-too-long" "the input is longer than {} MiB"
        "send it in smaller parts";
    TOO_COSTLY Fatal TooLong "too-costly" "the input has so many items that its translation would need more than {} MiB of memory"
        "send it in smaller parts, or ask the operator to raise limits.translation_bytes";
    NO_ENCODER Fatal NotSupported "no-encoder" "this format is read and not written by Causeway"
        "choose a route in a format that is written: `causeway adapters` lists them";
}
