#include "twins.h"

#include "tilework/exponential.h"

float twin_exp_difference(float x, float max) {
    return tw::exp_difference(x, max);
}
