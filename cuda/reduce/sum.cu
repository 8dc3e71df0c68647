// Sums and means.
#include "kernels.h"

TW_REDUCE_WRAPPING(sum, Sum)
