//! The `umpire` command.

fn main() {}
