// Products.
#include "kernels.h"

TW_REDUCE_WRAPPING(prod, Product)
