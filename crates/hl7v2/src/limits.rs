//! Limits of ER7 input. Beyond them a message is refused or a part of it is, never the process.

/// Bytes of one message (a scanned letter in base64 included).
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Segments of one message.
pub const SEGMENTS_MAX: usize = 200_000;

/// Values (non-empty subcomponents) of one message.
pub const VALUES_MAX: usize = 4_000_000;

/// Highest field number of a segment that is told apart; later fields share it.
pub const FIELDS_MAX: u16 = 4_000;

/// Highest repetition of a field that is told apart; later ones share it.
pub const REPETITIONS_MAX: u16 = 60_000;

/// Highest component or subcomponent that is told apart; later ones share it.
pub const COMPONENTS_MAX: u8 = 250;

/// Faults of form that one message lists; later ones are counted.
pub const FAULTS_MAX: usize = 100;

/// Bytes of one MLLP frame.
pub const FRAME_BYTES_MAX: usize = MESSAGE_BYTES_MAX;
