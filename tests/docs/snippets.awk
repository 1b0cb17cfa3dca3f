# Makes one C++ file of all ```cpp blocks of README.md and docs/*.md. A block with main() is a program: the file's own main() runs it. Any
# other block is part of a function with an opened `db`, a coroutine if it awaits. #line names the page in the compiler's messages.
FNR == 1 { inside = 0 }
/^```cpp$/ { inside = 1; count += 1; place[count] = "#line " FNR + 1 " \"" FILENAME "\""; next }
/^```/ { inside = 0; next }
!inside { next }
/^#include/ { includes = includes $0 "\n"; text[count] = text[count] "\n"; next }
/int main\(\)/ { program[count] = 1; sub(/main\(\)/, "program()") }
/co_await/ { coroutine[count] = 1 }
{ text[count] = text[count] $0 "\n" }
END {
    if (count == 0) exit 1
    print "#include <cstdio>\n#include <stdexcept>\n#include <vector>\n#include <marketdb/marketdb.hpp>\n" includes
    print "namespace {\nusing namespace marketdb;"
    for (i = 1; i <= count; i++) {
        print "namespace snippet_" i " {"
        if (program[i]) {
            print place[i] "\n" text[i]
        } else {
            result = coroutine[i] ? "boost::asio::awaitable<void>" : "void"
            print "[[maybe_unused]] " result " part([[maybe_unused]] DatabaseManager& db) {"
            print place[i] "\n" text[i] "}"
        }
        print "}"
    }
    print "}\nint main() {\n    int failed = 0;"
    for (i = 1; i <= count; i++) if (program[i]) print "    failed += snippet_" i "::program();"
    print "    return failed;\n}"
}
