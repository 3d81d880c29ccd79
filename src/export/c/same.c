/* Whether two texts are equal but for small and capital letters. */
static int same(const char *a, const char *b) {
    for (; *a && *b; a++, b++) {
        int p = *a >= 'A' && *a <= 'Z' ? *a + 32 : *a, q = *b >= 'A' && *b <= 'Z' ? *b + 32 : *b;
        if (p != q) return 0;
    }
    return *a == *b;
}
