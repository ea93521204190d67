//! The rule book is part of the binary: when a file of it changes, the binary is made anew.
#![expect(clippy::disallowed_macros, reason = "cargo reads what is printed")]

fn main() {
    println!("cargo:rerun-if-changed=rules");
}
