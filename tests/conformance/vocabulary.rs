//! The library's elementwise operations, read from the same tables that make them, as enums and as calls of the public methods.
//!
//! A row added to `src/backend/vocabulary.rs` is a new variant here at once: it is run on every element type of its domain,
//! and the oracle, which matches without a wildcard, does not compile until it has its line.

use tilework::{DType, Float, Float8, Number, Result, Signed, Tensor};

include!("../../src/backend/vocabulary.rs");

/// The element types that a row's domain holds.
fn in_domain(domain: &str, dtype: DType) -> bool {
    match domain {
        "Number" => dtype.is_float() || dtype.is_integer(),
        "Signed" => dtype.is_float() || matches!(dtype, DType::I32 | DType::I64),
        "Float" => dtype.is_float(),
        "Bool" => dtype == DType::Bool,
        _ => panic!("the domain {domain} is new: say which element types it holds"),
    }
}

/// The value of a call where the operation's domain holds the element class, else `None`.
macro_rules! defined {
    (float Number $call:expr) => {
        Some($call)
    };
    (float Signed $call:expr) => {
        Some($call)
    };
    (float Float $call:expr) => {
        Some($call)
    };
    (signed Number $call:expr) => {
        Some($call)
    };
    (signed Signed $call:expr) => {
        Some($call)
    };
    (unsigned Number $call:expr) => {
        Some($call)
    };
    (boolean Bool $call:expr) => {
        Some($call)
    };
    ($class:ident $domain:ident $call:expr) => {
        None
    };
}

macro_rules! unary_table {
    ($($variant:ident $method:ident($($p:ident),*) $domain:ident $doc:literal |$x:ident, $a:pat_param, $b:pat_param| $body:expr;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Unary { $($variant),* }

        impl Unary {
            pub const ALL: &[Unary] = &[$(Unary::$variant),*];
            pub fn name(self) -> &'static str {
                match self { $(Unary::$variant => stringify!($method)),* }
            }
            pub fn is_defined_for(self, dtype: DType) -> bool {
                in_domain(match self { $(Unary::$variant => stringify!($domain)),* }, dtype)
            }
        }

        /// `x.method(params)` by the operation's name, for each class of element types.
        pub mod unary {
            use super::*;
            pub fn float<T: Float>(op: Unary, x: &Tensor<T>, params: [T; 2]) -> Option<Result<Tensor<T>>> {
                let mut params = params.into_iter();
                match op { $(Unary::$variant => defined!(float $domain x.$method($(next(&mut params, stringify!($p))),*))),* }
            }
            pub fn signed<T: Signed>(op: Unary, x: &Tensor<T>, params: [T; 2]) -> Option<Result<Tensor<T>>> {
                let mut params = params.into_iter();
                match op { $(Unary::$variant => defined!(signed $domain x.$method($(next(&mut params, stringify!($p))),*))),* }
            }
            pub fn unsigned<T: Number>(op: Unary, x: &Tensor<T>, params: [T; 2]) -> Option<Result<Tensor<T>>> {
                let mut params = params.into_iter();
                match op { $(Unary::$variant => defined!(unsigned $domain x.$method($(next(&mut params, stringify!($p))),*))),* }
            }
            pub fn boolean(op: Unary, x: &Tensor<bool>, _params: [bool; 2]) -> Option<Result<Tensor<bool>>> {
                match op { $(Unary::$variant => defined!(boolean $domain x.$method())),* }
            }
            /// Types without arithmetic have none of them.
            pub fn stored<T: Float8>(_op: Unary, _x: &Tensor<T>, _params: [T; 2]) -> Option<Result<Tensor<T>>> {
                None
            }
        }
    };
}
for_each_unary!(unary_table);

/// The next argument; no operation has more than the two there are.
fn next<T>(params: &mut impl Iterator<Item = T>, name: &str) -> T {
    params.next().unwrap_or_else(|| panic!("no value for the parameter {name}"))
}

macro_rules! binary_table {
    ($($variant:ident $method:ident $domain:ident $doc:literal |$x:ident, $y:ident| $body:expr;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Binary { $($variant),* }

        impl Binary {
            pub const ALL: &[Binary] = &[$(Binary::$variant),*];
            pub fn name(self) -> &'static str {
                match self { $(Binary::$variant => stringify!($method)),* }
            }
            pub fn is_defined_for(self, dtype: DType) -> bool {
                in_domain(match self { $(Binary::$variant => stringify!($domain)),* }, dtype)
            }
        }

        /// `a.method(&b)` by the operation's name.
        pub mod binary {
            use super::*;
            pub fn float<T: Float>(op: Binary, a: &Tensor<T>, b: &Tensor<T>) -> Option<Result<Tensor<T>>> {
                match op { $(Binary::$variant => defined!(float $domain a.$method(b))),* }
            }
            pub fn signed<T: Signed>(op: Binary, a: &Tensor<T>, b: &Tensor<T>) -> Option<Result<Tensor<T>>> {
                match op { $(Binary::$variant => defined!(signed $domain a.$method(b))),* }
            }
            pub fn unsigned<T: Number>(op: Binary, a: &Tensor<T>, b: &Tensor<T>) -> Option<Result<Tensor<T>>> {
                match op { $(Binary::$variant => defined!(unsigned $domain a.$method(b))),* }
            }
            pub fn boolean(op: Binary, a: &Tensor<bool>, b: &Tensor<bool>) -> Option<Result<Tensor<bool>>> {
                match op { $(Binary::$variant => defined!(boolean $domain a.$method(b))),* }
            }
            pub fn stored<T: Float8>(_op: Binary, _a: &Tensor<T>, _b: &Tensor<T>) -> Option<Result<Tensor<T>>> {
                None
            }
        }

        /// `a.method(b)` with one value for all elements.
        pub mod binary_scalar {
            use super::*;
            pub fn float<T: Float>(op: Binary, a: &Tensor<T>, b: T) -> Option<Result<Tensor<T>>> {
                match op { $(Binary::$variant => defined!(float $domain a.$method(b))),* }
            }
            pub fn signed<T: Signed>(op: Binary, a: &Tensor<T>, b: T) -> Option<Result<Tensor<T>>> {
                match op { $(Binary::$variant => defined!(signed $domain a.$method(b))),* }
            }
            pub fn unsigned<T: Number>(op: Binary, a: &Tensor<T>, b: T) -> Option<Result<Tensor<T>>> {
                match op { $(Binary::$variant => defined!(unsigned $domain a.$method(b))),* }
            }
            pub fn boolean(op: Binary, a: &Tensor<bool>, b: bool) -> Option<Result<Tensor<bool>>> {
                match op { $(Binary::$variant => defined!(boolean $domain a.$method(b))),* }
            }
            pub fn stored<T: Float8>(_op: Binary, _a: &Tensor<T>, _b: T) -> Option<Result<Tensor<T>>> {
                None
            }
        }
    };
}
for_each_binary!(binary_table);

macro_rules! compare_table {
    ($($variant:ident $method:ident $domain:ident $doc:literal |$x:ident, $y:ident| $body:expr;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Compare { $($variant),* }

        impl Compare {
            pub const ALL: &[Compare] = &[$(Compare::$variant),*];
            pub fn name(self) -> &'static str {
                match self { $(Compare::$variant => stringify!($method)),* }
            }
            pub fn is_defined_for(self, dtype: DType) -> bool {
                in_domain(match self { $(Compare::$variant => stringify!($domain)),* }, dtype)
            }
        }

        /// `a.method(&b)` by the comparison's name.
        pub mod compare {
            use super::*;
            pub fn number<T: Number>(op: Compare, a: &Tensor<T>, b: &Tensor<T>) -> Option<Result<Tensor<bool>>> {
                match op { $(Compare::$variant => defined!(unsigned $domain a.$method(b))),* }
            }
            pub use {number as float, number as signed, number as unsigned};
            pub fn boolean(_op: Compare, _a: &Tensor<bool>, _b: &Tensor<bool>) -> Option<Result<Tensor<bool>>> {
                None
            }
            pub fn stored<T: Float8>(_op: Compare, _a: &Tensor<T>, _b: &Tensor<T>) -> Option<Result<Tensor<bool>>> {
                None
            }
        }

        /// `a.method(b)` with one value for all elements.
        pub mod compare_scalar {
            use super::*;
            pub fn number<T: Number>(op: Compare, a: &Tensor<T>, b: T) -> Option<Result<Tensor<bool>>> {
                match op { $(Compare::$variant => defined!(unsigned $domain a.$method(b))),* }
            }
            pub use {number as float, number as signed, number as unsigned};
            pub fn boolean(_op: Compare, _a: &Tensor<bool>, _b: bool) -> Option<Result<Tensor<bool>>> {
                None
            }
            pub fn stored<T: Float8>(_op: Compare, _a: &Tensor<T>, _b: T) -> Option<Result<Tensor<bool>>> {
                None
            }
        }
    };
}
for_each_compare!(compare_table);
