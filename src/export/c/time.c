static int digits(const char **text, int count, int *number) {
    for (*number = 0; count > 0; count--, (*text)++) {
        if (**text < '0' || **text > '9') return 0;
        *number = *number * 10 + (**text - '0');
    }
    return 1;
}

/* Year, month, day, day of the week from 0 for Monday, hour, minute and second of "2012-01-31", "2012-01-31 13:05:09" or "13:05". */
static int read_time(const char *text, int part[7]) {
    int has_date = text[0] && text[1] && text[2] != ':';
    part[0] = 1970, part[1] = 1, part[2] = 1, part[4] = part[5] = part[6] = 0;
    if (has_date) {
        if (!digits(&text, 4, &part[0]) || *text++ != '-' || !digits(&text, 2, &part[1]) || *text++ != '-') return 0;
        if (!digits(&text, 2, &part[2]) || part[1] < 1 || part[1] > 12 || part[2] < 1 || part[2] > 31) return 0;
    }
    if (!has_date || *text == ' ' || *text == 'T') {
        if (has_date) text++;
        if (!digits(&text, 2, &part[4]) || *text++ != ':' || !digits(&text, 2, &part[5])) return 0;
        if (*text == ':') {
            text++;
            if (!digits(&text, 2, &part[6])) return 0;
        }
        if (part[4] > 23 || part[5] > 59 || part[6] > 59) return 0;
    }
    static const int before[12] = {0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4};
    int year = part[0] - (part[1] < 3);
    part[3] = (year + year / 4 - year / 100 + year / 400 + before[part[1] - 1] + part[2] + 6) % 7;
    return *text == 0;
}
