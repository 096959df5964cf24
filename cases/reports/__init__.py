"""The PDF that is handed out: what it says (content), its pictures (figures), its letters (fonts), its making (pdf)."""
