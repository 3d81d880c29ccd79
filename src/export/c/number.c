/* A number in decimal digits; NAN where it is missing, INFINITY, which fits no column, for anything else. */
static double number(const char *text) {
    if (is_missing(text)) return NAN;
    for (const char *c = text; *c; c++)
        if (*c == 'x' || *c == 'X') return INFINITY;
    char *end;
    double value = strtod(text, &end);
    return end == text || *end ? INFINITY : value;
}

