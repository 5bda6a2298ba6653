//! `causeway`: the one binary.

use std::process::ExitCode;

/// Translation allocates many small pieces and frees them together; mimalloc measured 1.5 times faster on it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    causeway::cli::main()
}
