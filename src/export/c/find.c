/* The position of a category, which numbers may be, however they are written; `other` if it is none of them. */
static int find(const char *text, const char *const *levels, int count, int other) {
    for (int i = 0; i < count; i++) {
        const char *a = text, *b = levels[i];
        while (*a && *a == *b) a++, b++;
        if (*a == *b) return i;
    }
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end) return other;
    for (int i = 0; i < count; i++)
        if (strtod(levels[i], &end) == value && end != levels[i] && !*end) return i;
    return other;
}
