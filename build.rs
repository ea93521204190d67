//! The rule book is part of the binary: when a file of it changes, the binary is made anew.

fn main() {
    println!("cargo:rerun-if-changed=rules");
}
