// Positions of maxima and minima.
#include "kernels.h"

TW_REDUCE_ORDERED(argmax, ArgMax)
