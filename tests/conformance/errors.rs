//! Error cases: for each operation each cause, the exact variant with its fields.

use ndarray::{Axis, SliceInfoElem, s};
use tilework::{Activation, DType, Device, Error, MatmulOptions, Tensor};

use crate::runner::{Context, Outcome, Suite};

const FAMILY: &str = "errors";

pub fn cases(suite: &mut Suite) {
    suite.general(FAMILY, "elementwise", "shapes", elementwise);
    suite.general(FAMILY, "reductions", "axes", reductions);
    suite.general(FAMILY, "softmax and norms", "axes and weights", rows);
    suite.general(FAMILY, "matmul", "shapes", matmul);
    suite.general(FAMILY, "einsum", "equations", einsum);
    suite.general(FAMILY, "views", "axes and bounds", views);
    suite.general(FAMILY, "construct", "shapes and arguments", construct);
    suite.general(FAMILY, "devices", "mixed", mixed_devices);
    suite.general(FAMILY, "devices", "unknown", unknown_devices);
    suite.general(FAMILY, "dtypes", "unsupported", unsupported_dtypes);
}

fn zeros(ctx: &Context, shape: &[usize]) -> tilework::Result<Tensor<f32>> {
    Tensor::zeros(shape, &ctx.device)
}

fn shapes(op: &'static str, lhs: &[usize], rhs: &[usize], reason: &'static str) -> Error {
    Error::ShapeMismatch { op, lhs: lhs.to_vec(), rhs: rhs.to_vec(), reason }
}

fn axis(op: &'static str, axis: usize, shape: &[usize], reason: &'static str) -> Error {
    Error::InvalidAxis { op, axis, shape: shape.to_vec(), reason }
}

const BROADCAST: &str = "aligned at the last axis, lengths must be equal or 1";
const STRETCH: &str = "only axes of length 1 can be stretched, and no axis can be dropped";
const RANK: &str = "the axis must be smaller than the rank";

fn elementwise(ctx: &Context) -> Outcome {
    let (a, b, row) = (zeros(ctx, &[2, 3])?, zeros(ctx, &[4, 3])?, zeros(ctx, &[3])?);
    let differ = |op| shapes(op, &[2, 3], &[4, 3], BROADCAST);
    ctx.at("shapes [2, 3] and [4, 3]");
    ctx.check_error(a.add(&b), &differ("add"));
    ctx.check_error(a.pow(&b), &differ("pow"));
    ctx.check_error(a.maximum(&b), &differ("maximum"));
    ctx.check_error(a.lt(&b), &differ("lt"));
    ctx.check_error(a.affine(&b, 1.0), &differ("affine"));
    ctx.check_error(a.affine(2.0, &b), &differ("affine"));
    let mask = a.lt(1.0)?;
    ctx.check_error(mask.where_cond(&b, 0.0), &differ("where_cond"));
    ctx.check_error(mask.where_cond(&a, &b), &differ("where_cond"));
    ctx.check_error(mask.logical_and(&b.lt(1.0)?), &differ("logical_and"));
    ctx.check_error(a.clone().assign(&b), &shapes("assign", &[4, 3], &[2, 3], BROADCAST));
    ctx.check_error(a.clone().mul_assign(&b), &shapes("mul", &[4, 3], &[2, 3], BROADCAST));
    ctx.at("an operand larger than the target of an update");
    ctx.check_error(row.clone().add_assign(&a), &shapes("add", &[2, 3], &[3], STRETCH));
    ctx.check_error(row.clone().assign(&a), &shapes("assign", &[2, 3], &[3], STRETCH));
    Ok(())
}

fn reductions(ctx: &Context) -> Outcome {
    let x = zeros(ctx, &[2, 3])?;
    ctx.at("an axis beyond the rank");
    ctx.check_error(x.sum_axis(Axis(2)), &axis("sum", 2, &[2, 3], RANK));
    ctx.check_error(x.mean_axis(Axis(5)), &axis("mean", 5, &[2, 3], RANK));
    ctx.check_error(x.var_axis(Axis(2), 1.0), &axis("var", 2, &[2, 3], RANK));
    ctx.check_error(x.argmax_axes(&[0, 2]), &axis("argmax", 2, &[2, 3], RANK));
    ctx.check_error(x.lt(0.0)?.any_axis(Axis(2)), &axis("any", 2, &[2, 3], RANK));
    ctx.at("an axis twice");
    ctx.check_error(x.prod_axes(&[1, 0, 1]), &axis("prod", 1, &[2, 3], "an axis can be reduced only once"));
    ctx.at("nothing to reduce");
    let none = zeros(ctx, &[2, 0])?;
    for (op, result) in [("max", none.max_axis(Axis(1))), ("min", none.min_axis(Axis(1)))] {
        ctx.check_error(result, &Error::EmptyReduction { op, shape: vec![2, 0], axes: vec![1] });
    }
    ctx.check_error(none.argmin(), &Error::EmptyReduction { op: "argmin", shape: vec![2, 0], axes: vec![0, 1] });
    ctx.at("more elements than u32 indices");
    let many = zeros(ctx, &[1])?.broadcast(1usize << 33)?;
    let reason = format!("{} elements have no u32 index; reduce fewer axes at once", 1u64 << 33);
    ctx.check_error(many.argmax(), &Error::InvalidArgument { op: "argmax", reason });
    ctx.at("vectors of different lengths");
    let reason = "the vectors must have the same length";
    ctx.check_error(zeros(ctx, &[3])?.dot(&zeros(ctx, &[4])?), &shapes("dot", &[3], &[4], reason));
    Ok(())
}

fn rows(ctx: &Context) -> Outcome {
    let x = zeros(ctx, &[2, 3])?;
    ctx.at("an axis beyond the rank");
    ctx.check_error(x.softmax(Axis(2)), &axis("softmax", 2, &[2, 3], RANK));
    ctx.check_error(x.log_softmax(Axis(7)), &axis("log_softmax", 7, &[2, 3], RANK));
    let last = "normalisation is over the last 1 to rank axes";
    ctx.check_error(x.rms_norm(0, None, 1e-5), &axis("rms_norm", 0, &[2, 3], last));
    ctx.check_error(x.layer_norm(3, None, None, 1e-5), &axis("layer_norm", 3, &[2, 3], last));
    ctx.at("a weight or bias of another shape");
    let (weight, long) = (zeros(ctx, &[3])?, zeros(ctx, &[4])?);
    let differ = |op| shapes(op, &[2, 3], &[4], "weight and bias must have the shape of the normalised axes");
    ctx.check_error(x.rms_norm(1, Some(&long), 1e-5), &differ("rms_norm"));
    ctx.check_error(x.layer_norm(1, Some(&long), None, 1e-5), &differ("layer_norm"));
    ctx.check_error(x.layer_norm(1, Some(&weight), Some(&long), 1e-5), &differ("layer_norm"));
    Ok(())
}

fn matmul(ctx: &Context) -> Outcome {
    let (a, b) = (zeros(ctx, &[2, 3])?, zeros(ctx, &[4, 5])?);
    ctx.at("depths that differ");
    let inner = "the last axis of the left must be as long as the last but one of the right";
    ctx.check_error(a.matmul(&b), &shapes("matmul", &[2, 3], &[4, 5], inner));
    ctx.check_error(a.matmul(&zeros(ctx, &[4])?), &shapes("matmul", &[2, 3], &[4], inner));
    ctx.at("scalars");
    let scalar = "a scalar is no matrix; multiply by it with `mul`";
    ctx.check_error(a.matmul(&zeros(ctx, &[])?), &shapes("matmul", &[2, 3], &[], scalar));
    ctx.at("batches that do not broadcast");
    let (p, q) = (zeros(ctx, &[2, 4, 3])?, zeros(ctx, &[3, 3, 5])?);
    ctx.check_error(p.matmul(&q), &shapes("matmul", &[2], &[3], BROADCAST));
    ctx.at("operands of the epilogue that do not fit the product");
    let (x, long) = (zeros(ctx, &[3, 5])?, zeros(ctx, &[6])?);
    let plain = MatmulOptions::default();
    for options in [
        MatmulOptions { bias: Some(&long), ..plain },
        MatmulOptions { multiply: Some(&long), ..plain },
        MatmulOptions { c: Some(&long), ..plain },
        MatmulOptions { beta: 0.0, c: Some(&long), ..plain },
    ] {
        ctx.check_error(a.matmul_with(&x, options), &shapes("matmul", &[6], &[2, 5], BROADCAST));
    }
    ctx.at("an activation of integers");
    let n = Tensor::<i32>::zeros((2, 2), &ctx.device)?;
    let options = MatmulOptions { activation: Activation::Gelu, ..Default::default() };
    let reason = "activations are for floating-point types".into();
    let device = ctx.device.to_string();
    let error = Error::Unsupported { op: "matmul", dtype: DType::I32, device, reason };
    ctx.check_error(n.matmul_with(&n, options), &error);
    ctx.at("fractional factors of integers");
    let reason = "alpha is 0.5, and a factor of integers must be a whole number".into();
    let options = MatmulOptions { alpha: 0.5, ..Default::default() };
    ctx.check_error(n.matmul_with(&n, options), &Error::InvalidArgument { op: "matmul", reason });
    let reason = "beta is NaN, and a factor of integers must be a whole number".into();
    let options = MatmulOptions { beta: f64::NAN, ..Default::default() };
    ctx.check_error(n.matmul_with(&n, options), &Error::InvalidArgument { op: "matmul", reason });
    Ok(())
}

fn einsum(ctx: &Context) -> Outcome {
    let (a, b) = (zeros(ctx, &[2, 3])?, zeros(ctx, &[4, 5])?);
    for (equation, reason) in [
        ("ij", "it has 1 operands, and 2 are given"),
        ("ij,jk->ik", "label j has length 4 in operand 1 and 3 before it"),
        ("ij,k->k", "operand 1 has 1 labels for the 2 axes of shape [4, 5]"),
        ("ij,kl->im", "label m of the result is in no operand"),
        ("ij,kl->ii", "label i is twice in the result"),
        ("ij,k1->i", "'1' is no label; labels are the letters a to z and A to Z"),
        ("ij,k..->i", "an ellipsis is three dots, once in an operand"),
        ("...,...", "axis 2 from the end of the ellipsis has length 4 in operand 1 and 2 before it"),
    ] {
        ctx.at(equation);
        let (equation, reason) = (equation.to_owned(), reason.to_owned());
        ctx.check_error(
            Tensor::einsum(&equation, &[&a, &b]),
            &Error::InvalidEquation { op: "einsum", equation: equation.clone(), reason },
        );
    }
    ctx.at("no operands");
    let error = Error::InvalidEquation {
        op: "einsum",
        equation: String::new(),
        reason: "it has 1 operands, and 0 are given".into(),
    };
    ctx.check_error(Tensor::<f32>::einsum("", &[]), &error);
    Ok(())
}

fn views(ctx: &Context) -> Outcome {
    let x = zeros(ctx, &[2, 3])?;
    let bounds = |op, what: &str| Error::OutOfBounds { op, what: what.into(), shape: vec![2, 3] };
    let once = "a permutation must name every axis once";
    ctx.at("permuted_axes");
    ctx.check_error(x.permuted_axes([0, 0]), &axis("permuted_axes", 0, &[2, 3], once));
    ctx.check_error(x.permuted_axes([0]), &axis("permuted_axes", 1, &[2, 3], once));
    ctx.check_error(x.permuted_axes([0, 2]), &axis("permuted_axes", 2, &[2, 3], RANK));
    ctx.at("slice");
    ctx.check_error(x.slice(s![2, ..]), &bounds("slice", "index 2 of axis 0"));
    ctx.check_error(x.slice(s![-3, ..]), &bounds("slice", "index -3 of axis 0"));
    ctx.check_error(x.slice(s![.., 1..4]), &bounds("slice", "range 1..4, step 1, of axis 1"));
    ctx.check_error(x.slice(s![.., -4..]), &bounds("slice", "range -4.., step 1, of axis 1"));
    ctx.check_error(
        x.slice(s![.., .., ..]),
        &axis("slice", 2, &[2, 3], "the slice names more axes than the tensor has"),
    );
    let still = SliceInfoElem::Slice { start: 0, end: None, step: 0 };
    let error = Error::InvalidArgument { op: "slice", reason: "the step of a slice must not be 0".into() };
    ctx.check_error(x.slice(vec![still]), &error);
    ctx.at("reshape and broadcast");
    let count = "both shapes must have the same number of elements";
    ctx.check_error(x.reshape((2, 4)), &shapes("reshape", &[2, 3], &[2, 4], count));
    let overflow = Error::ShapeOverflow { op: "reshape", shape: vec![usize::MAX, 2] };
    ctx.check_error(x.reshape((usize::MAX, 2)), &overflow);
    ctx.check_error(x.broadcast((2, 4)), &shapes("broadcast", &[2, 3], &[2, 4], BROADCAST));
    ctx.check_error(x.broadcast(3), &shapes("broadcast", &[2, 3], &[3], STRETCH));
    ctx.at("single axes");
    let place = "a new axis can stand at 0 to the rank";
    ctx.check_error(x.insert_axis(Axis(3)), &axis("insert_axis", 3, &[2, 3], place));
    ctx.check_error(
        x.remove_axis(Axis(1)),
        &axis("remove_axis", 1, &[2, 3], "only an axis of length 1 can be removed"),
    );
    ctx.check_error(x.remove_axis(Axis(2)), &axis("remove_axis", 2, &[2, 3], RANK));
    ctx.check_error(x.index_axis(Axis(2), 0), &axis("index_axis", 2, &[2, 3], RANK));
    ctx.check_error(x.index_axis(Axis(1), 3), &bounds("index_axis", "index 3 of axis 1"));
    ctx.check_error(x.split_at(Axis(0), 3), &bounds("split_at", "split point 3 of axis 0"));
    ctx.check_error(x.split_at(Axis(2), 0), &axis("split_at", 2, &[2, 3], RANK));
    Ok(())
}

fn construct(ctx: &Context) -> Outcome {
    let device = &ctx.device;
    ctx.at("from_vec");
    let reason = "the shape must have as many elements as the vector";
    ctx.check_error(Tensor::from_vec(vec![1.0f32; 5], (2, 3), device), &shapes("from_vec", &[5], &[2, 3], reason));
    ctx.at("item");
    let reason = "only a tensor with one element is an item";
    ctx.check_error(zeros(ctx, &[2])?.item(), &shapes("item", &[2], &[], reason));
    ctx.check_error(zeros(ctx, &[0])?.item(), &shapes("item", &[0], &[], reason));
    ctx.at("arange");
    let invalid = |reason: &str| Error::InvalidArgument { op: "arange", reason: reason.into() };
    ctx.check_error(Tensor::arange(0i32, 5, 0, device), &invalid("step must not be zero"));
    let finite = "start, end and step must be finite and step not zero";
    ctx.check_error(Tensor::arange(0.0f32, 5.0, 0.0, device), &invalid(finite));
    ctx.check_error(Tensor::arange(0.0f32, f32::INFINITY, 1.0, device), &invalid(finite));
    ctx.check_error(Tensor::arange(f32::NAN, 5.0, 1.0, device), &invalid(finite));
    ctx.at("shapes with more bytes than addresses");
    for shape in [vec![usize::MAX, 2], vec![1 << 40, 1 << 40], vec![usize::MAX], vec![0, usize::MAX, 2]] {
        let error = |op| Error::ShapeOverflow { op, shape: shape.clone() };
        ctx.check_error(Tensor::<f32>::zeros(&shape[..], device), &error("full"));
        ctx.check_error(Tensor::<f32>::rand(&shape[..], 1, device), &error("rand"));
        ctx.check_error(Tensor::<f32>::from_vec(vec![], &shape[..], device), &error("from_vec"));
    }
    let wide = zeros(ctx, &[1])?.broadcast((1usize << 40, 1usize << 40));
    ctx.check_error(
        wide.and_then(|wide| wide.to_contiguous()),
        &Error::ShapeOverflow { op: "to_contiguous", shape: vec![1 << 40, 1 << 40] },
    );
    Ok(())
}

fn mixed_devices(ctx: &Context) -> Outcome {
    let host = Device::cpu();
    if ctx.device == host {
        return ctx.ignore("needs a second device, and is run on each of the others with this one");
    }
    let (a, b) = (zeros(ctx, &[2, 2])?, Tensor::<f32>::zeros((2, 2), &host)?);
    let (here, there) = (ctx.device.to_string(), host.to_string());
    let mixed = |op| Error::DeviceMismatch { op, lhs: here.clone(), rhs: there.clone() };
    ctx.at("one operand on the CPU");
    ctx.check_error(a.add(&b), &mixed("add"));
    ctx.check_error(b.add(&a), &Error::DeviceMismatch { op: "add", lhs: there.clone(), rhs: here.clone() });
    ctx.check_error(a.lt(&b), &mixed("lt"));
    ctx.check_error(a.affine(&b, 1.0), &mixed("affine"));
    ctx.check_error(a.lt(1.0)?.where_cond(&b, 0.0), &mixed("where_cond"));
    ctx.check_error(a.clone().assign(&b), &mixed("assign"));
    ctx.check_error(a.clone().add_assign(&b), &mixed("add"));
    ctx.check_error(a.matmul(&b), &mixed("matmul"));
    let row = b.slice(s![0, ..])?;
    ctx.check_error(zeros(ctx, &[2])?.dot(&row), &mixed("dot"));
    ctx.check_error(a.rms_norm(1, Some(&row), 1e-5), &mixed("rms_norm"));
    ctx.check_error(a.layer_norm(1, None, Some(&row), 1e-5), &mixed("layer_norm"));
    let options = MatmulOptions { bias: Some(&row), ..Default::default() };
    ctx.check_error(a.matmul_with(&a, options), &mixed("matmul"));
    ctx.check_error(Tensor::einsum("ij,jk->ik", &[&a, &b]), &mixed("einsum"));
    Ok(())
}

fn unknown_devices(ctx: &Context) -> Outcome {
    for name in ["gpu", "cpu:1", "cuda:x", ""] {
        ctx.at(format_args!("{name:?}"));
        let reason = format!("{name:?} is no device; use cpu, cuda, cuda:N, wgpu or wgpu:N");
        ctx.check_error(name.parse::<Device>(), &Error::InvalidArgument { op: "Device::from_str", reason });
    }
    for (name, backend) in [("cuda:250", "cuda"), ("wgpu:250", "wgpu")] {
        ctx.at(format_args!("{name:?}"));
        ctx.check_error_that(
            name.parse::<Device>(),
            "BackendUnavailable of that backend, with a reason and a remedy",
            |error| matches!(error, Error::BackendUnavailable { backend: b, reason, remedy } if *b == backend && !reason.is_empty() && !remedy.is_empty()),
        );
    }
    Ok(())
}

fn unsupported_dtypes(ctx: &Context) -> Outcome {
    let device = &ctx.device;
    let missing: Vec<DType> = DType::ALL.into_iter().filter(|&dtype| !device.supports(dtype)).collect();
    if missing.is_empty() {
        return ctx.ignore("the device has every element type");
    }
    let is_refusal = |dtype: DType, op: &'static str| {
        let name = device.name().to_owned();
        move |error: &Error| {
            matches!(error, Error::Unsupported { op: o, dtype: d, device, reason }
                if *o == op && *d == dtype && *device == name && !reason.is_empty())
        }
    };
    for dtype in missing {
        ctx.at(dtype);
        let want = "Unsupported with the operation, the element type and the device";
        match dtype {
            DType::F64 => {
                ctx.check_error_that(Tensor::<f64>::zeros(2, device), want, is_refusal(dtype, "full"));
                ctx.check_error_that(zeros(ctx, &[2])?.cast::<f64>(), want, is_refusal(dtype, "cast"));
            }
            DType::I64 => {
                ctx.check_error_that(Tensor::<i64>::zeros(2, device), want, is_refusal(dtype, "full"));
                ctx.check_error_that(zeros(ctx, &[2])?.cast::<i64>(), want, is_refusal(dtype, "cast"));
            }
            _ => ctx.check_that(false, || format!("every device must have {dtype}")),
        }
    }
    Ok(())
}
