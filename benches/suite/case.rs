//! A benchmark case as data: what is done, on what, and how much work it is.

use serde_json::{Value, json};
use tilework::{Accumulation, DType, Precision};

/// What a case does. Shapes: `[n]` for flat operations, `[rows, columns]` for row-wise ones, `[batch, m, n, k]` for matmul.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Work {
    /// A unary operation of one tensor.
    Unary(Unary),
    /// `a + b`.
    Add,
    /// `a * b`.
    Mul,
    /// `max(a + b, 0)` in one pass, or in two.
    AddRelu {
        fused: bool,
    },
    /// A copy of the transpose to row-major order.
    TransposeCopy,
    Sum,
    Dot,
    ArgMax,
    SumRows,
    SumColumns,
    Softmax,
    LogSoftmax,
    RmsNorm,
    LayerNorm,
    Matmul(Product),
    /// A product of 8-bit factors along k with a scale each, summed so, to bf16.
    ScaledMatmul(Accumulation),
    /// `gelu(a @ b + bias)` in one pass, or in three.
    Linear {
        fused: bool,
    },
    /// `gelu(a @ b + bias) + residual` in one pass.
    LinearResidual,
    /// Two linear layers without activation, `[batch, 256] -> 512 -> 128`.
    Mlp,
    /// relu, times 2, plus 0.5; and times 1.5, relu when deep.
    Chain {
        deep: bool,
    },
    /// The sum of `x²`.
    SumSquare,
    /// The sum of `x @ w`.
    SumMatmul,
    /// The sum of `e^tanh(x²)`.
    SumExpTanhSquare,
    /// Host to device.
    Upload,
    /// Device to host.
    Download,
}

/// A matrix product.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Product {
    /// Of each factor: whether it is the transposed view of a row-major matrix.
    pub transposed: [bool; 2],
    /// What is asked for; only products of f32 heed it.
    pub precision: Precision,
    /// Whether the right factor is packed, which is not timed.
    pub packed: bool,
}

impl Work {
    /// The product of two row-major matrices.
    pub const MATMUL: Self = Self::Matmul(Product::PLAIN);
}

impl Product {
    /// Of two row-major matrices.
    pub const PLAIN: Self = Self { transposed: [false; 2], precision: Precision::F32, packed: false };

    /// With the factors' layouts as BLAS calls them, `nn`, `nt`, `tn` or `tt`, and the precision where it is not the default; packed
    /// factors are of products of default precision.
    fn name(self) -> String {
        let layouts: String = self.transposed.map(|transposed| if transposed { 't' } else { 'n' }).iter().collect();
        let layouts = if layouts == "nn" { String::new() } else { format!(" {layouts}") };
        match self.precision {
            Precision::Fma => format!("matmul{layouts}, fma"),
            Precision::Tf32 => format!("matmul{layouts}, tf32"),
            _ if self.packed => format!("matmul{layouts}, packed"),
            _ => format!("matmul{layouts}"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unary {
    Relu,
    LeakyRelu,
    Elu,
    Clip,
    Sigmoid,
    Tanh,
    Silu,
    Gelu,
    GeluTanh,
    Square,
}

impl Unary {
    pub fn name(self) -> &'static str {
        match self {
            Unary::Relu => "relu",
            Unary::LeakyRelu => "leaky_relu",
            Unary::Elu => "elu",
            Unary::Clip => "clip",
            Unary::Sigmoid => "sigmoid",
            Unary::Tanh => "tanh",
            Unary::Silu => "silu",
            Unary::Gelu => "gelu",
            Unary::GeluTanh => "gelu_tanh",
            Unary::Square => "square",
        }
    }
}

/// Where the elements come from.
#[derive(Clone, Copy)]
pub enum Input {
    /// Standard normal, drawn on the device.
    Random,
    /// The formulas of a seed document for the first and the second operand: of the index and the number of elements.
    Formula(fn(f64, f64) -> f64, fn(f64, f64) -> f64),
}

#[derive(Clone)]
pub struct Case {
    /// The table it belongs to: a family, or a seed document.
    pub group: &'static str,
    pub work: Work,
    pub dtype: DType,
    pub shape: Vec<usize>,
    pub input: Input,
}

impl Work {
    pub fn name(self) -> String {
        let fused = |name: &str, fused: bool| format!("{name}, {}", if fused { "fused" } else { "unfused" });
        match self {
            Work::Unary(op) => op.name().into(),
            Work::Add => "add".into(),
            Work::Mul => "mul".into(),
            Work::AddRelu { fused: f } => fused("add+relu", f),
            Work::TransposeCopy => "transpose copy".into(),
            Work::Sum => "sum".into(),
            Work::Dot => "dot".into(),
            Work::ArgMax => "argmax".into(),
            Work::SumRows => "sum rows".into(),
            Work::SumColumns => "sum columns".into(),
            Work::Softmax => "softmax".into(),
            Work::LogSoftmax => "log_softmax".into(),
            Work::RmsNorm => "rms_norm".into(),
            Work::LayerNorm => "layer_norm".into(),
            Work::Matmul(product) => product.name(),
            Work::ScaledMatmul(Accumulation::Fast) => "matmul_scaled, fast".into(),
            Work::ScaledMatmul(_) => "matmul_scaled".into(),
            Work::Linear { fused: f } => fused("matmul+bias+gelu", f),
            Work::LinearResidual => "matmul+bias+gelu+residual, fused".into(),
            Work::Mlp => "inference 256-512-128".into(),
            Work::Chain { deep: false } => "chain of 3".into(),
            Work::Chain { deep: true } => "chain of 5".into(),
            Work::SumSquare => "sum(x^2)".into(),
            Work::SumMatmul => "sum(x @ w)".into(),
            Work::SumExpTanhSquare => "sum(exp(tanh(x^2)))".into(),
            Work::Upload => "host to device".into(),
            Work::Download => "device to host".into(),
        }
    }
}

impl Case {
    pub fn id(&self) -> String {
        format!("{}/{}/{}/{}", self.group, self.work.name(), self.dtype, self.size())
    }

    /// `1024x64x64x64`.
    pub fn size(&self) -> String {
        let shape = self.shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
        if shape.is_empty() { "1".into() } else { shape }
    }

    /// Elements of the first operand.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it is a matrix product, plain or with something after it, of shape `[batch, m, n, k]`.
    pub fn is_product(&self) -> bool {
        matches!(self.work, Work::Matmul(_) | Work::ScaledMatmul(_) | Work::Linear { .. } | Work::LinearResidual)
    }

    /// Multiplications and additions, where they are what bounds the case.
    pub fn flops(&self) -> Option<f64> {
        match self.work {
            _ if self.is_product() => Some(2.0 * self.shape.iter().map(|&n| n as f64).product::<f64>()),
            Work::SumMatmul => Some(2.0 * (self.shape[0] as f64).powi(3)),
            Work::Mlp => Some(2.0 * self.shape[0] as f64 * (256.0 * 512.0 + 512.0 * 128.0)),
            _ => None,
        }
    }

    /// The fewest bytes that have to move: each operand read once, each result written once.
    pub fn bytes(&self) -> f64 {
        let n = self.shape.iter().map(|&n| n as f64).product::<f64>();
        let elements = match self.work {
            Work::Add | Work::Mul | Work::AddRelu { .. } => 3.0 * n,
            Work::Dot => 2.0 * n,
            Work::Sum | Work::ArgMax | Work::SumSquare | Work::SumExpTanhSquare | Work::Upload | Work::Download => n,
            Work::SumRows => n + self.shape[0] as f64,
            Work::SumColumns => n + self.shape[1] as f64,
            _ if self.is_product() => {
                let [b, m, nn, k] = [0, 1, 2, 3].map(|i| self.shape[i] as f64);
                b * (m * k + k * nn + if self.work == Work::LinearResidual { 2.0 } else { 1.0 } * m * nn)
            }
            Work::SumMatmul => 2.0 * n,
            Work::Mlp => self.shape[0] as f64 * 384.0 + 256.0 * 512.0 + 512.0 * 128.0,
            _ => 2.0 * n,
        };
        let wider = if self.is_scaled() { self.outputs() } else { 0.0 };
        elements * self.dtype.size() as f64 + wider
    }

    /// Whether it is a product of 8-bit factors, whose results have 16 bits.
    pub fn is_scaled(&self) -> bool {
        matches!(self.work, Work::ScaledMatmul(_))
    }

    /// Elements of the result of a matrix product.
    fn outputs(&self) -> f64 {
        self.shape[..3].iter().product::<usize>() as f64
    }

    /// The part of `bytes` that is read, of a matrix product.
    pub fn input_bytes(&self) -> f64 {
        self.bytes() - self.outputs() * if self.is_scaled() { 2.0 } else { self.dtype.size() as f64 }
    }

    /// Whether matrix arithmetic, not memory, is its ceiling.
    pub fn is_matmul(&self) -> bool {
        self.flops().is_some()
    }

    /// The element type, and for products of f32 how they are computed.
    pub fn precision(&self) -> &'static str {
        match self.work {
            Work::Matmul(Product { precision: Precision::Fma, .. }) => "f32, fused multiply-adds",
            Work::Matmul(Product { precision: Precision::Tf32, .. }) => "tf32",
            Work::Matmul(Product { packed: true, .. }) if self.dtype == DType::F32 => "f32, packed",
            Work::Matmul(_) if self.dtype == DType::F32 => "f32, the default",
            Work::ScaledMatmul(Accumulation::Fast) => "f8e4m3, fast sums",
            _ => self.dtype.name(),
        }
    }

    /// The case for the peers' scripts and the results.
    pub fn json(&self) -> Value {
        json!({ "id": self.id(), "group": self.group, "work": self.work.name(), "dtype": self.dtype.name(), "precision": self.precision(), "shape": self.shape,
                "flops": self.flops(), "bytes": self.bytes() })
    }
}
