//! Writes the first inputs of the fuzzers into a directory: each module, assembled if it is text, with and without the
//! prefixes that select the other modes of the target.

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let dir = arguments.next().ok_or("usage: seeds DIRECTORY MODULE...")?;
    std::fs::create_dir_all(&dir)?;
    let mut count = 0;
    for path in arguments {
        // Some cases contain text that does not assemble.
        let Ok(bytes) = wat::parse_file(&path) else { continue };
        for mode in ["", "S", "E"] {
            std::fs::write(dir.join(format!("seed-{count:03}")), [mode.as_bytes(), &bytes].concat())?;
            count += 1;
        }
    }
    println!("{count} seeds in {}", dir.display());
    Ok(())
}
