//! Writes the operation vocabulary as C macros, so that an operation without a scalar function in CUDA does not compile.
//!
//! For each table and each domain there is one list, empty where the table has no such rows:
//! `TW_UNARY_FLOAT(X)` expands to `X(sqrt, 5, 0) ... X(leaky_relu, 23, 1) ...`. The arguments are the name of the scalar
//! function, the operation's code (the enum's discriminant in Rust), and for unary operations how many parameters it has
//! besides its operand.

use std::collections::BTreeSet;
use std::fmt::Write as _;

include!("../src/backend/vocabulary.rs");

/// A row as far as a kernel needs it: its domain, and the arguments of `X` but for the code.
struct Row {
    domain: &'static str,
    name: &'static str,
    parameters: Option<usize>,
}

macro_rules! unary {
    ($($variant:ident $name:ident($($parameter:ident),*) $domain:ident $doc:literal $definition:expr;)*) => {
        &[$(Row {
            domain: stringify!($domain),
            name: stringify!($name),
            parameters: Some(<[&str]>::len(&[$(stringify!($parameter)),*])),
        }),*]
    };
}

macro_rules! binary {
    ($($variant:ident $name:ident $domain:ident $doc:literal $definition:expr;)*) => {
        &[$(Row { domain: stringify!($domain), name: stringify!($name), parameters: None }),*]
    };
}

const TABLES: [(&str, &[Row]); 3] =
    [("UNARY", for_each_unary!(unary)), ("BINARY", for_each_binary!(binary)), ("COMPARE", for_each_compare!(binary))];

/// The text of `tilework/vocabulary.h`.
pub fn header() -> String {
    let mut text = String::from(
        "// Written by the build script from src/backend/vocabulary.rs.\n\
         // X(function, code, parameters) for unary operations, X(function, code) for the others.\n#pragma once\n",
    );
    let domains: BTreeSet<_> = TABLES.iter().flat_map(|(_, rows)| rows.iter().map(|row| row.domain)).collect();
    for (table, rows) in TABLES {
        let _ = writeln!(text, "\n#define TW_{table}_COUNT {}", rows.len());
        for domain in &domains {
            let _ = write!(text, "#define TW_{table}_{}(X)", domain.to_uppercase());
            for (code, row) in rows.iter().enumerate().filter(|(_, row)| row.domain == *domain) {
                let parameters = row.parameters.map_or(String::new(), |count| format!(", {count}"));
                let _ = write!(text, " \\\n    X({}, {code}{parameters})", row.name);
            }
            text.push('\n');
        }
    }
    text
}
