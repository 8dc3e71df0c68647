// Maxima, and minima and any and all through them.
#include "kernels.h"

TW_REDUCE_ORDERED(max, Max)
