//! The machinery on a device.

use super::{Tensor, open};
use crate::backend::{Backend, Source, op};
use crate::dtype::{DType, Scalar};

#[test]
#[ignore = "needs a wgpu adapter"]
fn a_second_call_compiles_nothing() {
    let gpu = open();
    let x = Tensor::new(&gpu, &[1.0f32, -2.0, 3.0]);
    let out = Tensor::empty(&gpu, DType::F32, &[3]);
    let call = || {
        gpu.unary(op::Unary::Relu, [Scalar::Float(0.0); 2], x.operand(), out.operand()).unwrap();
        let (a, b) = (Source::Tensor(x.operand()), Source::Scalar(Scalar::Float(2.0)));
        gpu.binary(op::Binary::Mul, a, b, out.operand()).unwrap();
        out.read::<f32>(&gpu)
    };
    assert_eq!(call(), [2.0, -4.0, 6.0]);
    let compiled = gpu.gpu.kernels.compiled();
    assert_eq!(call(), [2.0, -4.0, 6.0]);
    assert_eq!((compiled, gpu.gpu.kernels.compiled()), (2, 2));
}
