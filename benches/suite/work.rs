//! Doing a case: its inputs on the device, and one call of its operation.

use ndarray::Axis;
use tilework::{
    Activation, Device, Error, F8E4M3, Float, MatmulOptions, PackedMatrix, Result, ScaledMatmulOptions, Tensor,
};

use super::case::{Case, Input, Product, Unary, Work};

/// One set of inputs.
pub struct Inputs<T: Float> {
    pub a: Tensor<T>,
    pub b: Option<Tensor<T>>,
    /// `b` packed, where that is what is multiplied.
    pub packed: Option<PackedMatrix<T>>,
    /// Bias of a linear layer, gain of a norm.
    pub c: Option<Tensor<T>>,
    /// The second layer's weights, the bias of a norm, or a residual.
    pub d: Option<Tensor<T>>,
    /// What a product of 8-bit factors has in place of all these.
    pub scaled: Option<Scaled>,
}

impl<T: Float> Inputs<T> {
    /// The first alone.
    pub fn of(a: Tensor<T>) -> Self {
        Self { a, b: None, packed: None, c: None, d: None, scaled: None }
    }
}

/// Factors of 8 bits, both along k in memory, and the scale of each.
pub struct Scaled {
    pub a: Tensor<F8E4M3>,
    pub b: Tensor<F8E4M3>,
    pub scales: [Tensor<f32>; 2],
}

impl Scaled {
    /// The scales: powers of two, so that a factor times its own is exact in 16 bits.
    pub const SCALES: [f32; 2] = [0.5, 0.125];

    fn new(shape: [usize; 4], set: u64, device: &Device) -> Result<Self> {
        let [batch, m, n, k] = shape;
        let factor = |lines, operand| {
            let shape = [batch, lines, k];
            let shape = if batch == 1 { &shape[1..] } else { &shape[..] };
            Tensor::<f32>::randn(shape, set * 4 + operand, device)?.cast::<F8E4M3>()
        };
        let b = factor(n, 1)?;
        let b = if batch == 1 { b.t() } else { b.permuted_axes((0, 2, 1))? };
        let scale = |i: usize| Tensor::full((), Self::SCALES[i], device);
        Ok(Self { a: factor(m, 0)?, b, scales: [scale(0)?, scale(1)?] })
    }
}

/// What a case makes.
pub enum Output<T: Float> {
    Tensor(Tensor<T>),
    Index(Tensor<u32>),
    Host(Vec<T>),
}

/// Makes the inputs of `case`; `set` numbers sets with different random elements.
pub fn prepare<T: Float>(case: &Case, set: u64, device: &Device) -> Result<Inputs<T>> {
    let tensor = |shape: &[usize], operand: u64| match case.input {
        // Scaled so that long sums stay in the range of f16.
        Input::Random => Tensor::<T>::randn(shape, set * 4 + operand, device),
        Input::Formula(first, second) => {
            let formula = if operand == 0 { first } else { second };
            let n: usize = shape.iter().product();
            Tensor::from_vec((0..n).map(|i| T::from_f64(formula(i as f64, n as f64))).collect(), shape, device)
        }
    };
    let shape = &case.shape[..];
    let last = shape.last().copied().unwrap_or(1);
    let mut inputs = Inputs::of(tensor(&[], 0)?);
    match case.work {
        Work::ScaledMatmul(_) => {
            let shape = shape.try_into().map_err(|_| malformed(case))?;
            inputs.scaled = Some(Scaled::new(shape, set, device)?);
        }
        _ if case.is_product() => {
            let &[batch, m, n, k] = shape else { return Err(malformed(case)) };
            let Product { transposed, packed, .. } =
                if let Work::Matmul(product) = case.work { product } else { Product::PLAIN };
            let matrix = |rows, columns, operand: usize| {
                let [rows, columns] = if transposed[operand] { [columns, rows] } else { [rows, columns] };
                let batched = [batch, rows, columns];
                let stored = tensor(if batch == 1 { &batched[1..] } else { &batched }, operand as u64)?;
                match (transposed[operand], batch) {
                    (false, _) => Ok(stored),
                    (true, 1) => Ok(stored.t()),
                    (true, _) => stored.permuted_axes((0, 2, 1)),
                }
            };
            inputs.a = matrix(m, k, 0)?;
            let b = matrix(k, n, 1)?;
            inputs.packed = if packed { Some(b.pack()?) } else { None };
            inputs.b = Some(b);
            if !matches!(case.work, Work::Matmul(_)) {
                inputs.c = Some(tensor(&[n], 2)?);
            }
            if case.work == Work::LinearResidual {
                inputs.d = Some(tensor(&[m, n], 3)?);
            }
        }
        Work::Mlp => {
            inputs.a = tensor(&[shape[0], 256], 0)?;
            inputs.b = Some(tensor(&[256, 512], 1)?);
            inputs.d = Some(tensor(&[512, 128], 1)?);
        }
        _ => {
            inputs.a = tensor(shape, 0)?;
            if matches!(case.work, Work::Add | Work::Mul | Work::AddRelu { .. } | Work::Dot | Work::SumMatmul) {
                inputs.b = Some(tensor(shape, 1)?);
            }
            if matches!(case.work, Work::RmsNorm | Work::LayerNorm) {
                inputs.c = Some(tensor(&[last], 1)?);
                inputs.d = Some(tensor(&[last], 2)?);
            }
        }
    }
    Ok(inputs)
}

/// One call of the case's operation.
pub fn run<T: Float>(case: &Case, inputs: &Inputs<T>) -> Result<Output<T>> {
    let Inputs { a, b, packed, c, d, scaled } = inputs;
    let given = |operand: &'_ Option<Tensor<T>>| operand.clone().ok_or_else(|| malformed(case));
    Ok(Output::Tensor(match case.work {
        Work::Unary(op) => unary(op, a)?,
        Work::Add => a.add(given(b)?)?,
        Work::Mul => a.mul(given(b)?)?,
        Work::AddRelu { fused: true } => a.add_relu(given(b)?)?,
        Work::AddRelu { fused: false } => a.add(given(b)?)?.relu()?,
        Work::TransposeCopy => a.t().to_contiguous()?,
        Work::Sum => a.sum()?,
        Work::Dot => a.dot(&given(b)?)?,
        Work::ArgMax => return Ok(Output::Index(a.argmax()?)),
        Work::SumRows => a.sum_axis(Axis(1))?,
        Work::SumColumns => a.sum_axis(Axis(0))?,
        Work::Softmax => a.softmax(Axis(1))?,
        Work::LogSoftmax => a.log_softmax(Axis(1))?,
        Work::RmsNorm => a.rms_norm(1, c.as_ref(), 1e-5)?,
        Work::LayerNorm => a.layer_norm(1, c.as_ref(), d.as_ref(), 1e-5)?,
        Work::Matmul(product) => {
            let options = MatmulOptions { precision: product.precision, ..Default::default() };
            match packed {
                Some(packed) => a.matmul_packed_with(packed, options)?,
                None => a.matmul_with(&given(b)?, options)?,
            }
        }
        Work::ScaledMatmul(accumulation) => {
            let Scaled { a, b, scales: [a_scale, b_scale] } = scaled.as_ref().ok_or_else(|| malformed(case))?;
            let options = ScaledMatmulOptions { a_scales: Some(a_scale), b_scales: Some(b_scale), accumulation };
            a.matmul_scaled(b, options)?
        }
        Work::Linear { fused: true } => {
            let options = MatmulOptions { bias: c.as_ref(), activation: Activation::Gelu, ..Default::default() };
            a.matmul_with(&given(b)?, options)?
        }
        Work::LinearResidual => {
            let options =
                MatmulOptions { bias: c.as_ref(), activation: Activation::Gelu, c: d.as_ref(), ..Default::default() };
            a.matmul_with(&given(b)?, options)?
        }
        Work::Linear { fused: false } => a.matmul(&given(b)?)?.add(given(c)?)?.gelu()?,
        Work::Mlp => a.matmul(&given(b)?)?.matmul(&given(d)?)?,
        Work::Chain { deep } => {
            let y = a.relu()?.mul(T::from_f64(2.0))?.add(T::from_f64(0.5))?;
            if deep { y.mul(T::from_f64(1.5))?.relu()? } else { y }
        }
        Work::SumSquare => a.square()?.sum()?,
        Work::SumMatmul => a.matmul(&given(b)?)?.sum()?,
        Work::SumExpTanhSquare => a.square()?.tanh()?.exp()?.sum()?,
        // Copied by `round_trip` and `call`; on the device there is nothing to do.
        Work::Upload | Work::Download => return Ok(Output::Host(a.to_vec()?)),
    }))
}

fn unary<T: Float>(op: Unary, x: &Tensor<T>) -> Result<Tensor<T>> {
    match op {
        Unary::Relu => x.relu(),
        Unary::LeakyRelu => x.leaky_relu(T::from_f64(0.01)),
        Unary::Elu => x.elu(T::ONE),
        Unary::Clip => x.clamp(T::from_f64(100.0), T::from_f64(5000.0)),
        Unary::Sigmoid => x.sigmoid(),
        Unary::Tanh => x.tanh(),
        Unary::Silu => x.silu(),
        Unary::Gelu => x.gelu(),
        Unary::GeluTanh => x.gelu_tanh(),
        Unary::Square => x.square(),
    }
}

fn malformed(case: &Case) -> Error {
    Error::InvalidArgument { op: "benchmark", reason: format!("{} has not the shape of its work", case.id()) }
}
