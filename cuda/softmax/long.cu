// Softmax of rows that are too long to be held: a block walks each, or, where rows are few, a strip of one.
#include "kernels.h"

TW_LONG_ROWS(softmax, SoftmaxStrips, f32, float)
TW_LONG_ROWS(softmax, SoftmaxStrips, f64, double)
TW_LONG_ROWS(softmax, SoftmaxStrips, f16, tw::f16)
TW_LONG_ROWS(softmax, SoftmaxStrips, bf16, tw::bf16)
