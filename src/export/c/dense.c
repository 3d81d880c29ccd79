static void dense(const double *x, int inputs, const float *weight, const float *bias, double *y, int outputs) {
    for (int o = 0; o < outputs; o++) {
        double sum = 0;
        for (int i = 0; i < inputs; i++) sum += (double)weight[(size_t)o * inputs + i] * x[i];
        y[o] = sum + (bias ? bias[o] : 0);
    }
}
