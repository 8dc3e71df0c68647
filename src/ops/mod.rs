//! The operations, a file per family: public methods with their documentation, their checks, and the call into the backend.

mod einsum;
pub(crate) mod elementwise;
mod matmul;
mod matmul_packed;
mod matmul_scaled;
mod norm;
mod random;
mod reduce;
mod softmax;

pub use elementwise::Argument;
pub use matmul::MatmulOptions;
pub use matmul_packed::PackedMatrix;
pub use matmul_scaled::ScaledMatmulOptions;
