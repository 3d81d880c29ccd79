/* 1 for yes, 0 for no, -1 for anything else. */
static int yes_or_no(const char *text) {
    static const char *const words[6][2] = {{"no", "yes"}, {"false", "true"}, {"n", "y"}, {"f", "t"}, {"off", "on"}, {"absent", "present"}};
    for (int i = 0; i < 6; i++)
        for (int yes = 0; yes < 2; yes++)
            if (same(text, words[i][yes])) return yes;
    return -1;
}
