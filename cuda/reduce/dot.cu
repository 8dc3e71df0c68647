// Sums of products of two operands.
#include "kernels.h"

TW_REDUCE_WRAPPING(dot, Dot)
