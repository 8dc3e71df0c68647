//! Kernels as text: what the files in `wgsl-fallback/` contain is put together here.
//!
//! A file is a sequence of sections, each begun by a line `//# name`. In a section, `$name` stands for a piece of text; a name is
//! letters and underscores. That is all: what varies is chosen by section, what is repeated is filled in by name.

use super::operand::Format;

pub(super) const STORAGE: &str = include_str!("../../../wgsl-fallback/storage.wgsl");
pub(super) const SCALAR: &str = include_str!("../../../wgsl-fallback/scalar.wgsl");
pub(super) const MATH: &str = include_str!("../../../wgsl-fallback/math.wgsl");
pub(super) const CAST: &str = include_str!("../../../wgsl-fallback/cast.wgsl");

/// Invocations in a workgroup of an elementwise kernel; every adapter has at least as many.
pub(super) const WORKGROUP: u32 = 256;

/// The section `name` of `file`. Which sections there are is fixed, and a test composes every kernel.
pub(super) fn section(file: &'static str, name: &str) -> &'static str {
    let start = |line: &str| line.strip_prefix("//# ").is_some_and(|found| found.trim_end() == name);
    let mut lines = file.split_inclusive('\n');
    let mut at = 0;
    let body = loop {
        match lines.next() {
            Some(line) if start(line) => break at + line.len(),
            Some(line) => at += line.len(),
            None => panic!("no section {name:?} in a file of wgsl-fallback"),
        }
    };
    let end = file[body..].find("\n//# ").map_or(file.len(), |next| body + next + 1);
    &file[body..end]
}

/// `text` with every `$name` replaced.
pub(super) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut pieces = text.split('$');
    let mut filled = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(|c: char| !c.is_ascii_alphabetic() && c != '_').unwrap_or(piece.len());
        let (name, rest) = piece.split_at(end);
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => filled.push_str(value),
            None => panic!("no value for ${name} in a file of wgsl-fallback"),
        }
        filled.push_str(rest);
    }
    filled
}

/// A module without the functions, structs and constants that `main` does not lead to: drivers compile whatever they are given.
pub(super) fn prune(module: &str) -> String {
    // An item at the left margin, with the comment before it, ends with its brace there or as a single line.
    let mut items: Vec<(Option<&str>, &str, bool)> = Vec::new();
    let (mut start, mut at, mut name) = (0, 0, None);
    for line in module.split_inclusive('\n') {
        at += line.len();
        let words = line.split_once(' ').filter(|(keyword, _)| matches!(*keyword, "fn" | "struct" | "const"));
        name = words.and_then(|(_, rest)| rest.split(|c| !is_word(c)).next()).or(name);
        let margin = line.starts_with(|c: char| !c.is_whitespace() && c != '/');
        if margin && line.trim_end().ends_with(['}', ';']) {
            items.push((name.take(), &module[start..at], false));
            start = at;
        }
    }
    let mut pending = Vec::new();
    for (name, text, used) in &mut items {
        if name.is_none_or(|name| name == "main") {
            *used = true;
            pending.push(*text);
        }
    }
    while let Some(user) = pending.pop() {
        for word in user.split(|c| !is_word(c)) {
            for (_, text, used) in items.iter_mut().filter(|(name, _, used)| !used && *name == Some(word)) {
                *used = true;
                pending.push(*text);
            }
        }
    }
    items.iter().filter(|(.., used)| *used).map(|(_, text, _)| *text).collect()
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// How a kernel reaches an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Four consecutive elements at a time: `load_n(i)` and `store_n(i, v, count)` with `i` in units of four.
    Chunks,
    /// One element at a time: `load_n(i)` and `store_n(i, v)`.
    Elements,
}

/// The declaration of an operand called `name` at `binding`, with its load function.
pub(super) fn input(name: &str, binding: usize, format: Format, access: Access, writable: bool) -> String {
    let how = match access {
        Access::Chunks => "load chunks",
        Access::Elements => "load elements",
    };
    let mode = if writable { "read_write" } else { "read" };
    operand(how, name, binding, format, mode)
}

/// The declaration of an output called `name` at `binding`, with its store function.
pub(super) fn output(name: &str, binding: usize, format: Format, access: Access) -> String {
    let how = match access {
        Access::Chunks => "store chunks",
        Access::Elements => "store elements",
    };
    operand(how, name, binding, format, "read_write")
}

fn operand(how: &str, name: &str, binding: usize, format: Format, mode: &str) -> String {
    let section = section(STORAGE, &format!("{how} {}", format.storage()));
    let binding = binding.to_string();
    let values =
        [("n", name), ("binding", &binding), ("mode", mode), ("T", format.compute()), ("format", format.name())];
    fill(section, &values)
}

/// The functions that turn words into elements of `formats` and back, each once.
pub(super) fn codecs(formats: &[Format]) -> String {
    let mut text = section(STORAGE, "words").to_owned();
    for (i, format) in formats.iter().enumerate() {
        if format.storage() != "plain" && !formats[..i].contains(format) {
            text.push_str(section(STORAGE, &format!("codec {}", format.name())));
        }
    }
    text
}

/// `scalar(i)`: the scalar in parameter words `i` and `i + 1`, as compute type `T`.
pub(super) fn scalar_parameter(format: Format) -> &'static str {
    section(STORAGE, &format!("scalar {}", format.compute()))
}

/// The scalar functions on elements of `format`: `op_*` of the vocabulary and what they are built from.
pub(super) fn scalar_functions(format: Format) -> String {
    let compute = format.compute();
    let of_type = |name: &str| fill(section(SCALAR, name), &[("T", compute)]);
    match format {
        Format::F32 | Format::F16 | Format::BF16 | Format::F64 => {
            [section(MATH, &format!("bits {compute}")).to_owned(), section(MATH, compute).to_owned(), of_type("float")]
                .concat()
        }
        Format::I32 | Format::I64 => of_type("integer") + &of_type("signed"),
        Format::U32 | Format::Bits16 => of_type("integer") + &of_type("unsigned"),
        Format::U8 => of_type("integer") + &of_type("bytes"),
        Format::Bool => of_type("bool"),
        // They are only moved and converted.
        Format::F8E4M3 | Format::F8E5M2 => String::new(),
    }
}

/// `convert(x)` from elements of `from` to elements of `to`.
pub(super) fn cast(from: Format, to: Format) -> String {
    let (source, target) = (from.compute(), to.compute());
    let values = [("A", source), ("B", target)];
    let is_float = |format: Format| matches!(format.compute(), "f32" | "f64");
    let helpers = if is_float(from) { section(MATH, &format!("bits {source}")) } else { "" };
    let name = match (from, to) {
        _ if source == target && !matches!(to, Format::Bool | Format::U8) => "same",
        _ if from == to => "same",
        (_, Format::Bool) if is_float(from) => "float to bool",
        (_, Format::Bool) => "integer to bool",
        (_, Format::U8) if is_float(from) => "float to u8",
        (_, Format::F16 | Format::BF16 | Format::F8E4M3 | Format::F8E5M2) => match from {
            Format::F64 => "f64 to half",
            Format::I64 => "i64 to half",
            // Of signed and unsigned numbers alike.
            Format::I32 | Format::U32 => "i32 to half",
            _ => "plain",
        },
        _ if is_float(from) && !is_float(to) => match target {
            "i32" => "float to i32",
            "i64" => "float to i64",
            _ => "float to u32",
        },
        _ if (source, target) == ("u32", "i64") => "u32 to i64",
        _ => "plain",
    };
    format!("{helpers}{}", fill(section(CAST, name), &values))
}
