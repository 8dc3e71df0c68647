// The elementwise operations: one row each, and the row is the operation.
//
// From these tables come the enums of `backend::op`, the public methods with their documentation (`ops::elementwise`), the CPU
// backend's scalar functions, and, through `build.rs`, the X-macro lists from which `cuda/elementwise/*.cu` makes its kernels.
// A row names a function that `cuda/include/tilework/scalar.h` and `wgsl-fallback/scalar.wgsl` define under the same name;
// without it the kernels do not compile. The oracle of `tests/conformance` matches on the enum, so it can't be forgotten either.
//
// Row: `Variant method(parameters) Domain "documentation" |x, p, q| cpu definition;`
// The domain is the trait of the element types: `Number` (all but bool), `Signed`, `Float`, `Bool`.
// CPU definitions are generic over `T: Arithmetic` (`Number`, `Signed`) or `T: Real` (`Float`: f32 and f64; half types go
// through f32), both in `backend::cpu::scalar`. This file is plain macros, because `build.rs` includes it too.

/// Unary operations. A parameter in parentheses becomes an argument of the method.
macro_rules! for_each_unary {
    ($callback:ident) => {
        $callback! {
            Neg neg() Signed "`-x`; integers wrap." |x, _p, _q| x.neg();
            Abs abs() Signed "`|x|`; integers wrap at the minimum." |x, _p, _q| x.abs();
            Sign sign() Signed "-1, 0 or 1; zeros keep their sign and NaN stays NaN." |x, _p, _q| x.sign();
            Square square() Number "`x * x`; integers wrap." |x, _p, _q| x.mul(x);
            Clamp clamp(low, high) Number "`min(max(x, low), high)`; NaN stays NaN." |x, p, q| x.maximum(p).minimum(q);
            Sqrt sqrt() Float "Square root, correctly rounded on CUDA and the CPU; NaN below zero." |x, _p, _q| x.sqrt();
            Rsqrt rsqrt() Float "`1 / sqrt(x)`." |x, _p, _q| T::ONE / x.sqrt();
            Recip recip() Float "`1 / x`." |x, _p, _q| T::ONE / x;
            Exp exp() Float "`e^x`." |x, _p, _q| x.exp();
            Exp2 exp2() Float "`2^x`." |x, _p, _q| x.exp2();
            Expm1 expm1() Float "`e^x - 1`, accurate near zero." |x, _p, _q| x.expm1();
            Log log() Float "Natural logarithm; `-inf` at zero, NaN below." |x, _p, _q| x.log();
            Log2 log2() Float "Logarithm to base 2; `-inf` at zero, NaN below." |x, _p, _q| x.log2();
            Log1p log1p() Float "`log(1 + x)`, accurate near zero." |x, _p, _q| x.log1p();
            Sin sin() Float "Sine of `x` radians." |x, _p, _q| x.sin();
            Cos cos() Float "Cosine of `x` radians." |x, _p, _q| x.cos();
            Tanh tanh() Float "Hyperbolic tangent, accurate near zero." |x, _p, _q| x.tanh();
            Erf erf() Float "Error function." |x, _p, _q| x.erf();
            Floor floor() Float "The largest integer not above `x`." |x, _p, _q| x.floor();
            Ceil ceil() Float "The smallest integer not below `x`." |x, _p, _q| x.ceil();
            Round round() Float "The nearest integer, ties to even (as NumPy and PyTorch)." |x, _p, _q| x.round_ties_even();
            Trunc trunc() Float "`x` without its fraction." |x, _p, _q| x.trunc();
            Relu relu() Float "`max(x, 0)`; NaN stays NaN." |x, _p, _q| x.maximum(T::ZERO);
            LeakyRelu leaky_relu(slope) Float "`x` above zero, `slope * x` below." |x, p, _q| if x < T::ZERO { x * p } else { x };
            Elu elu(alpha) Float "`x` above zero, `alpha * (e^x - 1)` below." |x, p, _q| if x < T::ZERO { p * x.expm1() } else { x };
            Sigmoid sigmoid() Float "`1 / (1 + e^-x)`." |x, _p, _q| x.sigmoid();
            Silu silu() Float "`x * sigmoid(x)`, also called swish." |x, _p, _q| x.silu();
            Gelu gelu() Float "`x/2 * (1 + erf(x / sqrt 2))`." |x, _p, _q| x.gelu();
            GeluTanh gelu_tanh() Float "`x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))`, the approximation of GELU." |x, _p, _q| x.gelu_tanh();
            Softplus softplus() Float "`log(1 + e^x)`, without overflow." |x, _p, _q| x.maximum(T::ZERO) + (-x.abs()).exp().log1p();
            Softsign softsign() Float "`x / (1 + |x|)`." |x, _p, _q| x / (T::ONE + x.abs());
            Not logical_not() Bool "`!x`." |x, _p, _q| !x;
        }
    };
}

/// Binary operations with a result of the operands' type.
macro_rules! for_each_binary {
    ($callback:ident) => {
        $callback! {
            Add add Number "`a + b`; integers wrap." |a, b| a.add(b);
            Sub sub Number "`a - b`; integers wrap." |a, b| a.sub(b);
            Mul mul Number "`a * b`; integers wrap." |a, b| a.mul(b);
            Div div Number "`a / b`, correctly rounded; integers truncate and wrap, and anything divided by integer 0 is 0." |a, b| a.div(b);
            Rem rem Number "The remainder of `a / b` with the sign of `a`, as Rust's `%`; an integer modulo 0 is 0." |a, b| a.rem(b);
            Maximum maximum Number "The larger of the two; NaN if either is NaN." |a, b| a.maximum(b);
            Minimum minimum Number "The smaller of the two; NaN if either is NaN." |a, b| a.minimum(b);
            AddRelu add_relu Number "`max(a + b, 0)` in one pass; NaN stays NaN." |a, b| a.add(b).maximum(T::ZERO);
            MulRelu mul_relu Number "`max(a * b, 0)` in one pass; NaN stays NaN." |a, b| a.mul(b).maximum(T::ZERO);
            Pow pow Float "`a^b`, with IEEE 754's special cases." |a, b| a.pow(b);
            And logical_and Bool "`a && b`." |a, b| a & b;
            Or logical_or Bool "`a || b`." |a, b| a | b;
            Xor logical_xor Bool "`a != b`." |a, b| a ^ b;
        }
    };
}

/// Comparisons of two operands, with a `bool` result. Every comparison with NaN but `ne` is false.
macro_rules! for_each_compare {
    ($callback:ident) => {
        $callback! {
            Eq eq Number "`a == b`." |a, b| a == b;
            Ne ne Number "`a != b`; true for NaN." |a, b| a != b;
            Lt lt Number "`a < b`." |a, b| a < b;
            Le le Number "`a <= b`." |a, b| a <= b;
            Gt gt Number "`a > b`." |a, b| a > b;
            Ge ge Number "`a >= b`." |a, b| a >= b;
        }
    };
}
