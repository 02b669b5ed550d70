import ModuleKit

/// What stands around a listing.
struct PageFrame {
    let conf: UnsafePointer<IndexConf>
    let isXHTML: Bool
    /// Not escaped.
    let title: Bytes

    init(_ request: Request, _ conf: UnsafePointer<IndexConf>, _ options: IndexOptions) {
        self.conf = conf
        isXHTML = options.contains(.xhtml)
        var end = request.path.count
        while end > 1, request.path[end - 1] == UInt8(ascii: "/") { end -= 1 }
        title = request.path.upTo(end)
    }

    func preamble(_ page: inout Page) {
        if isXHTML {
            page.append("<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\"\n")
            page.append("\"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd\">\n")
            page.append("<html xmlns=\"http://www.w3.org/1999/xhtml\">\n")
        } else {
            page.append("<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\" ")
            page.append("\"http://www.w3.org/TR/html4/strict.dtd\">\n<html>\n")
        }
        page.append(" <head>\n  <title>Index of ")
        page.append(escaped: title)
        page.append("</title>\n")
        if conf.pointee.styleSheet.isSet {
            page.append("  <link rel=\"stylesheet\" href=\"")
            page.append(conf.pointee.styleSheet)
            page.append("\" type=\"text/css\"")
            page.append(isXHTML ? " />\n" : ">\n")
        }
        page.append(conf.pointee.headInsert)
        page.append(" </head>\n <body>\n")
    }

    func heading(_ page: inout Page) {
        page.append(conf.pointee.styleSheet.isSet ? "  <h1 id=\"indextitle\">Index of " : "<h1>Index of ")
        page.append(escaped: title)
        page.append("</h1>\n")
    }
}
