//! A product as cuBLAS computes it: by its own choice of kernel, or by one of cuBLASLt's proposals.
//!
//! cuBLAS knows column-major matrices only. What is row-major here is the transpose there, so it is asked for
//! `out^T = b^T @ a^T`: the factors change places, and a factor that is a transposed view here is one there.

use std::ffi::{c_int, c_void};
use std::fmt;
use std::ptr::null_mut;

use tilework::{Accumulation, DType, Precision};

use super::cublas::{Cublas, Result, WORKSPACE, checked};
use super::library::{Heuristic, Pointer};
use crate::case::{Case, Work};

/// How many of cuBLASLt's proposals are tried.
const PROPOSALS: usize = 12;

// Of cublas_api.h, cublasLt.h and library_types.h.
const R_32F: c_int = 0;
const R_64F: c_int = 1;
const R_16F: c_int = 2;
const R_16BF: c_int = 14;
const R_8F_E4M3: c_int = 28;
const COMPUTE_32F: c_int = 68;
const COMPUTE_32F_PEDANTIC: c_int = 69;
const COMPUTE_64F: c_int = 70;
const COMPUTE_32F_FAST_TF32: c_int = 77;
const GEMM_DEFAULT: c_int = -1;
const DESC_TRANSA: c_int = 3;
const DESC_TRANSB: c_int = 4;
const DESC_A_SCALE_POINTER: c_int = 17;
const DESC_B_SCALE_POINTER: c_int = 18;
const DESC_FAST_ACCUM: c_int = 25;
const LAYOUT_BATCH_COUNT: c_int = 5;
const LAYOUT_BATCH_STRIDE: c_int = 6;
const PREFERENCE_WORKSPACE: c_int = 1;

/// A product in cuBLAS's terms: its A is our b.
struct Gemm {
    element: c_int,
    out: c_int,
    scale: c_int,
    /// How cuBLASLt is to compute sums.
    compute: c_int,
    /// How cuBLAS may, which knows no 8-bit factors.
    computes: &'static [c_int],
    /// Whether sums of 8-bit products may be left to the tensor cores.
    fast: bool,
    /// Our m, n and k.
    sizes: [u64; 3],
    batch: u64,
    /// Of our a and b: whether it is the transposed view of a row-major matrix.
    transposed: [bool; 2],
}

impl Gemm {
    fn of(case: &Case) -> Result<Self> {
        let &[batch, m, n, k] = &case.shape[..] else { return Err("not a product".into()) };
        let sizes = [m, n, k].map(|size| size as u64);
        let product = match case.work {
            Work::Matmul(product) => product,
            Work::ScaledMatmul(accumulation) => {
                return Ok(Self {
                    element: R_8F_E4M3,
                    out: R_16BF,
                    scale: R_32F,
                    compute: COMPUTE_32F,
                    computes: &[],
                    fast: accumulation == Accumulation::Fast,
                    sizes,
                    batch: batch as u64,
                    transposed: [false, true],
                });
            }
            _ => return Err("not a plain product".into()),
        };
        let (element, scale, computes): (_, _, &[c_int]) = match case.dtype {
            DType::BF16 => (R_16BF, R_32F, &[COMPUTE_32F]),
            DType::F16 => (R_16F, R_32F, &[COMPUTE_32F]),
            DType::F64 => (R_64F, R_64F, &[COMPUTE_64F]),
            DType::F32 if product.precision == Precision::Tf32 => (R_32F, R_32F, &[COMPUTE_32F_FAST_TF32]),
            // Neither uses TF32; pedantic also forbids to regroup.
            DType::F32 => (R_32F, R_32F, &[COMPUTE_32F, COMPUTE_32F_PEDANTIC]),
            other => return Err(format!("no {other} here")),
        };
        Ok(Self {
            element,
            out: element,
            scale,
            compute: computes[0],
            computes,
            fast: false,
            sizes,
            batch: batch as u64,
            transposed: product.transposed,
        })
    }

    /// Rows, columns and line length of cuBLAS's A, B and C as they lie in memory, and the elements of each.
    fn matrices(&self) -> [[u64; 2]; 3] {
        let [m, n, k] = self.sizes;
        let stored = |rows, columns, transposed| if transposed { [columns, rows] } else { [rows, columns] };
        [stored(n, k, self.transposed[1]), stored(k, m, self.transposed[0]), [n, m]]
    }

    /// cuBLAS's `transa` and `transb`.
    fn operations(&self) -> [c_int; 2] {
        [self.transposed[1].into(), self.transposed[0].into()]
    }

    /// One and zero of the type that scales.
    fn scalars(&self) -> [Pointer; 2] {
        static SINGLE: [f32; 2] = [1.0, 0.0];
        static DOUBLE: [f64; 2] = [1.0, 0.0];
        let address = |i: usize| -> *const c_void {
            if self.scale == R_64F { (&raw const DOUBLE[i]).cast() } else { (&raw const SINGLE[i]).cast() }
        };
        [0, 1].map(|i| address(i).cast_mut())
    }
}

/// A way to compute a product.
#[derive(Clone, Copy)]
pub enum Way {
    /// cuBLAS's own choice, with sums computed so.
    Own(c_int),
    /// A proposal of cuBLASLt's, with its number from 1 on.
    Proposed(usize, Heuristic),
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Way::Own(COMPUTE_32F_PEDANTIC) => write!(f, "cublasGemmEx, pedantic"),
            Way::Own(_) => write!(f, "cublasGemmEx"),
            Way::Proposed(number, _) => write!(f, "cublasLtMatmul, algorithm {number}"),
        }
    }
}

/// A product that cuBLAS is ready to compute.
pub struct Plan<'a> {
    cublas: &'a Cublas,
    gemm: Gemm,
    description: Pointer,
    /// Of cuBLAS's A, B and C.
    layouts: [Pointer; 3],
    pub ways: Vec<Way>,
}

impl<'a> Plan<'a> {
    /// The ways to compute the product of `case`, of 8-bit factors with the scales at these addresses, of our a and b.
    pub fn new(cublas: &'a Cublas, case: &Case, scales: Option<[u64; 2]>) -> Result<Self> {
        let gemm = Gemm::of(case)?;
        let mut plan = Self { cublas, gemm, description: null_mut(), layouts: [null_mut(); 3], ways: vec![] };
        plan.describe()?;
        if let Some([a, b]) = scales {
            plan.set(DESC_A_SCALE_POINTER, b)?;
            plan.set(DESC_B_SCALE_POINTER, a)?;
        }
        let own = plan.gemm.computes.iter().map(|&compute| Way::Own(compute));
        let proposed = plan.proposals()?.into_iter().enumerate().map(|(i, proposal)| Way::Proposed(i + 1, proposal));
        plan.ways = own.chain(proposed).collect();
        Ok(plan)
    }

    /// Sets an attribute of the product.
    fn set<V>(&self, attribute: c_int, value: V) -> Result<()> {
        let set = self.cublas.library.cublasLtMatmulDescSetAttribute;
        // SAFETY: the description exists, and the attribute's size is told, which cuBLASLt checks; it copies the value.
        let status = unsafe { set(self.description, attribute, (&raw const value).cast(), size_of::<V>()) };
        checked("cublasLtMatmulDescSetAttribute", status)
    }

    /// Fills in the descriptions.
    fn describe(&mut self) -> Result<()> {
        let (library, gemm) = (&self.cublas.library, &self.gemm);
        // SAFETY: writes the description, which is destroyed in `drop`.
        let created = unsafe { (library.cublasLtMatmulDescCreate)(&mut self.description, gemm.compute, gemm.scale) };
        checked("cublasLtMatmulDescCreate", created)?;
        for (attribute, operation) in [DESC_TRANSA, DESC_TRANSB].into_iter().zip(gemm.operations()) {
            self.set(attribute, operation)?;
        }
        if gemm.fast {
            self.set(DESC_FAST_ACCUM, 1i8)?;
        }
        let elements = [gemm.element, gemm.element, gemm.out];
        for ((layout, element), [rows, columns]) in self.layouts.iter_mut().zip(elements).zip(gemm.matrices()) {
            // SAFETY: writes the layout, which is destroyed in `drop`; attributes have the sizes that are told.
            unsafe {
                let created = (library.cublasLtMatrixLayoutCreate)(layout, element, rows, columns, rows as i64);
                checked("cublasLtMatrixLayoutCreate", created)?;
                let (batch, stride) = (gemm.batch as i32, (rows * columns) as i64);
                let set = library.cublasLtMatrixLayoutSetAttribute;
                checked("batch count", set(*layout, LAYOUT_BATCH_COUNT, (&raw const batch).cast(), 4))?;
                checked("batch stride", set(*layout, LAYOUT_BATCH_STRIDE, (&raw const stride).cast(), 8))?;
            }
        }
        Ok(())
    }

    /// Asks cuBLASLt for algorithms; none is no error.
    fn proposals(&self) -> Result<Vec<Heuristic>> {
        let library = &self.cublas.library;
        let mut preference = null_mut();
        let mut found = vec![Heuristic::default(); PROPOSALS];
        let mut count = 0;
        // SAFETY: the descriptions exist; the preference is created before it is used and destroyed here; its attribute has the size
        // that is told; as many results are written as there is room for.
        unsafe {
            checked("cublasLtMatmulPreferenceCreate", (library.cublasLtMatmulPreferenceCreate)(&mut preference))?;
            let bytes = WORKSPACE;
            let set = library.cublasLtMatmulPreferenceSetAttribute;
            set(preference, PREFERENCE_WORKSPACE, (&raw const bytes).cast(), size_of::<usize>());
            let [a, b, c] = self.layouts;
            let status = (library.cublasLtMatmulAlgoGetHeuristic)(
                self.cublas.lt,
                self.description,
                a,
                b,
                c,
                c,
                preference,
                PROPOSALS as c_int,
                found.as_mut_ptr(),
                &mut count,
            );
            (library.cublasLtMatmulPreferenceDestroy)(preference);
            found.truncate(if status == 0 { count as usize } else { 0 });
        }
        found.retain(|proposal| proposal.status == 0);
        Ok(found)
    }

    /// Enqueues `out = a @ b`, each the address of a matrix or of a batch of them that lie one after the other.
    pub fn call(&self, way: &Way, a: u64, b: u64, out: u64) -> Result<()> {
        let Cublas { library, handle, lt, stream, workspace, .. } = self.cublas;
        let Gemm { element, .. } = self.gemm;
        let [one, zero] = self.gemm.scalars();
        let [transa, transb] = self.gemm.operations();
        let [m, n, k] = self.gemm.sizes.map(|size| size as c_int);
        let matrices = self.gemm.matrices();
        let [lda, ldb, ldc] = matrices.map(|[rows, _]| rows as c_int);
        let [stride_a, stride_b, stride_c] = matrices.map(|[rows, columns]| (rows * columns) as i64);
        // SAFETY: the caller's memory has the sizes of the case, which the descriptions were made of, and lives until the device is
        // done; the scalars are static, the workspace as large as was told.
        unsafe {
            match way {
                Way::Proposed(_, proposal) => {
                    let [la, lb, lc] = self.layouts;
                    let status = (library.cublasLtMatmul)(
                        *lt,
                        self.description,
                        one,
                        b,
                        la,
                        a,
                        lb,
                        zero,
                        out,
                        lc,
                        out,
                        lc,
                        proposal,
                        *workspace,
                        WORKSPACE,
                        *stream,
                    );
                    checked("cublasLtMatmul", status)
                }
                Way::Own(compute) if self.gemm.batch == 1 => {
                    let status = (library.cublasGemmEx)(
                        *handle,
                        transa,
                        transb,
                        n,
                        m,
                        k,
                        one,
                        b,
                        element,
                        lda,
                        a,
                        element,
                        ldb,
                        zero,
                        out,
                        element,
                        ldc,
                        *compute,
                        GEMM_DEFAULT,
                    );
                    checked("cublasGemmEx", status)
                }
                Way::Own(compute) => {
                    let count = self.gemm.batch as c_int;
                    let status = (library.cublasGemmStridedBatchedEx)(
                        *handle,
                        transa,
                        transb,
                        n,
                        m,
                        k,
                        one,
                        b,
                        element,
                        lda,
                        stride_a,
                        a,
                        element,
                        ldb,
                        stride_b,
                        zero,
                        out,
                        element,
                        ldc,
                        stride_c,
                        count,
                        *compute,
                        GEMM_DEFAULT,
                    );
                    checked("cublasGemmStridedBatchedEx", status)
                }
            }
        }
    }
}

impl Drop for Plan<'_> {
    fn drop(&mut self) {
        let library = &self.cublas.library;
        // SAFETY: what was created is destroyed once; what was not is null and left alone.
        unsafe {
            if !self.description.is_null() {
                (library.cublasLtMatmulDescDestroy)(self.description);
            }
            for layout in self.layouts.into_iter().filter(|layout| !layout.is_null()) {
                (library.cublasLtMatrixLayoutDestroy)(layout);
            }
        }
    }
}
