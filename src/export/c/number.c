static double number(const char *text) {
    char *end;
    double value = strtod(text, &end);
    return end == text || *end ? NAN : value;
}

