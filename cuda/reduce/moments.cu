// Euclidean norms and variances.
#include "kernels.h"

TW_REDUCE_FLOATS(norm, EuclideanNorm)
TW_REDUCE_FLOATS(var, Variance)
