//! Operation values: what a backend is asked to do, without the operands.

include!("vocabulary.rs");
pub(crate) use {for_each_binary, for_each_compare, for_each_unary};

macro_rules! unary_enum {
    ($($variant:ident $method:ident($($p:ident),*) $domain:ident $doc:literal |$x:ident, $a:pat_param, $b:pat_param| $body:expr;)*) => {
        /// An elementwise operation with one operand.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum Unary {
            $(#[doc = $doc] $variant,)*
        }

        impl Unary {
            /// Every operation, in the order of its code in the kernels.
            #[allow(dead_code, reason = "which backends enumerate them depends on the features")]
            pub const ALL: &[Unary] = &[$(Unary::$variant),*];

            /// The name of the method and of the scalar function in the kernels.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Unary::$variant => stringify!($method),)*
                }
            }

            /// The element types it is defined for.
            #[allow(dead_code, reason = "which backends ask depends on the features")]
            pub const fn domain(self) -> Domain {
                match self {
                    $(Unary::$variant => Domain::$domain,)*
                }
            }
        }
    };
}
for_each_unary!(unary_enum);

macro_rules! binary_enum {
    ($($variant:ident $method:ident $domain:ident $doc:literal |$x:ident, $y:ident| $body:expr;)*) => {
        /// An elementwise operation with two operands and a result of their type.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum Binary {
            $(#[doc = $doc] $variant,)*
        }

        impl Binary {
            /// Every operation, in the order of its code in the kernels.
            #[allow(dead_code, reason = "which backends enumerate them depends on the features")]
            pub const ALL: &[Binary] = &[$(Binary::$variant),*];

            /// The name of the method and of the scalar function in the kernels.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Binary::$variant => stringify!($method),)*
                }
            }

            /// The element types it is defined for.
            #[allow(dead_code, reason = "which backends ask depends on the features")]
            pub const fn domain(self) -> Domain {
                match self {
                    $(Binary::$variant => Domain::$domain,)*
                }
            }
        }
    };
}
for_each_binary!(binary_enum);

macro_rules! compare_enum {
    ($($variant:ident $method:ident $domain:ident $doc:literal |$x:ident, $y:ident| $body:expr;)*) => {
        /// A comparison of two operands, with a `bool` result.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum Compare {
            $(#[doc = $doc] $variant,)*
        }

        impl Compare {
            /// Every comparison, in the order of its code in the kernels.
            #[allow(dead_code, reason = "which backends enumerate them depends on the features")]
            pub const ALL: &[Compare] = &[$(Compare::$variant),*];

            /// The name of the method and of the scalar function in the kernels.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Compare::$variant => stringify!($method),)*
                }
            }
        }
    };
}
for_each_compare!(compare_enum);

/// The element types an operation is defined for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Domain {
    /// All but `bool`.
    Number,
    /// Floating-point types, `i32` and `i64`.
    Signed,
    /// Floating-point types.
    Float,
    /// `bool` alone.
    Bool,
}

impl Domain {
    /// Whether `dtype` belongs to it.
    #[allow(dead_code, reason = "which backends ask depends on the features")]
    pub const fn contains(self, dtype: crate::DType) -> bool {
        use crate::DType::*;
        match self {
            Domain::Number => dtype.is_float() || dtype.is_integer(),
            Domain::Signed => dtype.is_float() || matches!(dtype, I32 | I64),
            Domain::Float => dtype.is_float(),
            Domain::Bool => matches!(dtype, Bool),
        }
    }
}

/// A reduction over a set of axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reduce {
    /// Sum; integers wrap.
    Sum,
    /// Arithmetic mean (floating-point types).
    Mean,
    /// Product; integers wrap.
    Prod,
    /// Largest element; NaN if any is NaN.
    Max,
    /// Smallest element; NaN if any is NaN.
    Min,
    /// Row-major index of the first largest element (or first NaN) among the reduced; the output is `u32`.
    ArgMax,
    /// Row-major index of the first smallest element (or first NaN) among the reduced; the output is `u32`.
    ArgMin,
    /// Whether any element is true (`bool`).
    Any,
    /// Whether all elements are true (`bool`).
    All,
    /// Variance with divisor `n - ddof`, computed in two passes or by merging moments, never as `E[x²] - E[x]²` (floating-point types).
    Var {
        /// Delta degrees of freedom.
        ddof: f64,
    },
    /// Euclidean norm: the square root of the sum of squares (floating-point types).
    Norm,
    /// Sum of products with a second operand of the same shape.
    Dot,
}

impl Reduce {
    /// The name in errors and kernels.
    pub const fn name(self) -> &'static str {
        match self {
            Reduce::Sum => "sum",
            Reduce::Mean => "mean",
            Reduce::Prod => "prod",
            Reduce::Max => "max",
            Reduce::Min => "min",
            Reduce::ArgMax => "argmax",
            Reduce::ArgMin => "argmin",
            Reduce::Any => "any",
            Reduce::All => "all",
            Reduce::Var { .. } => "var",
            Reduce::Norm => "norm",
            Reduce::Dot => "dot",
        }
    }

    /// Whether the order of elements is part of the result.
    pub const fn is_arg(self) -> bool {
        matches!(self, Reduce::ArgMax | Reduce::ArgMin)
    }
}

/// Softmax over the last axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Softmax {
    /// `e^(x - max) / Σ e^(x - max)`.
    Softmax,
    /// `x - max - log Σ e^(x - max)`.
    LogSoftmax,
}

impl Softmax {
    /// The name in errors and kernels.
    pub const fn name(self) -> &'static str {
        match self {
            Softmax::Softmax => "softmax",
            Softmax::LogSoftmax => "log_softmax",
        }
    }
}

/// Normalisation over the last axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Norm {
    /// `x / sqrt(mean(x²) + eps)`.
    Rms {
        /// Added to the mean of squares.
        eps: f64,
    },
    /// `(x - mean) / sqrt(var + eps)`, with the biased variance.
    Layer {
        /// Added to the variance.
        eps: f64,
    },
}

impl Norm {
    /// The name in errors and kernels.
    pub const fn name(self) -> &'static str {
        match self {
            Norm::Rms { .. } => "rms_norm",
            Norm::Layer { .. } => "layer_norm",
        }
    }
}

/// A function applied to every element of a matrix product before it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Activation {
    /// The product as it is.
    #[default]
    None,
    /// `max(x, 0)`.
    Relu,
    /// GELU, the form with the error function.
    Gelu,
    /// `x * sigmoid(x)`.
    Silu,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
}

/// How a matrix product of `f32` may be computed. It is a permission: a device computes at least as accurately as was asked for, and
/// other element types ignore it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Precision {
    /// With the accuracy of `f32` arithmetic, by whatever instructions are fastest.
    #[default]
    F32,
    /// By fused multiply-adds of `f32` and nothing else: each product is exact, each partial sum is rounded to `f32`.
    Fma,
    /// Factors may be rounded to TF32 (10 bits behind the point instead of 23, the same range); sums are `f32`. For who accepts a
    /// relative error near `1e-3` in each factor.
    Tf32,
}

/// How the products of 8-bit floats may be added up. It is a permission: a device adds at least as accurately as was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Accumulation {
    /// In `f32`; but Hopper's tensor cores add runs of 128 terms with 13 bits behind the point, and cut off the rest. The error measured
    /// on them is below 0.3 % of the sum of all terms' magnitudes whatever the depth: 0.06 % where all have one sign, some `1e-5`
    /// where signs are mixed.
    #[default]
    F32,
    /// By Hopper's tensor cores alone, which is some percent faster: the error grows with the depth, to 2 % of the sum of magnitudes at
    /// a depth of 1,024 where all terms have one sign and 20 % at 16,384; less than `1e-4` where signs are mixed.
    Fast,
}

/// What random numbers to draw. Element `i` (row-major) is a pure function of the key and `i`: the same bits on every backend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Random {
    /// Uniform in `[0, 1)`.
    Uniform,
    /// Standard normal.
    Normal,
}

impl Random {
    /// The name in errors and kernels.
    pub const fn name(self) -> &'static str {
        match self {
            Random::Uniform => "rand",
            Random::Normal => "randn",
        }
    }
}
