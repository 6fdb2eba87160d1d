"""
The web page: what people see of a team's models, rendered here and readable without JavaScript.

Every page is one template in `modelwatch.server.templates`; links link, forms post and are answered with a redirection. htmx sends the
same forms and puts the new content in the place of the old; the scripts below `static/` draw curves, send uploads in parts and listen
for changes. Nothing is inline and nothing comes from elsewhere: the Content-Security-Policy allows neither.
"""
