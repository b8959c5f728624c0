// The headers in C++: a class of the program is behind the callbacks' pointers.
#include <evpl/evpl.h>

namespace {

class Countdown {
public:
    explicit Countdown(struct evpl *evpl) : evpl_(evpl)
    {
        evpl_deferral_init(&deferral_, [](struct evpl *, void *self) {
            static_cast<Countdown *>(self)->step();
        }, this);
        evpl_defer(evpl_, &deferral_);
    }

private:
    void step()
    {
        if (--left_ == 0)
            evpl_stop(evpl_);
        else
            evpl_defer(evpl_, &deferral_);
    }

    struct evpl *evpl_;
    struct evpl_deferral deferral_ = {};
    int left_ = 3;
};

} // namespace

int main()
{
    struct evpl *evpl = evpl_create(nullptr);
    Countdown countdown(evpl);
    struct evpl_iovec iov;

    if (evpl_iovec_alloc(evpl, 100, 0, 1, 0, &iov) != 1)
        return 1;
    evpl_iovec_release(evpl, &iov);
    evpl_run(evpl);
    evpl_destroy(evpl);
    return 0;
}
