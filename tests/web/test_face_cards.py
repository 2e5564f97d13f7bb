import re

from fer_ssl.web.face_cards import (
    Group,
    make_card,
    render_faces,
    render_head,
    render_help,
    render_picture,
)


def test_a_card():
    card = make_card('Face 2', dict(neutral=0.125, anger=0.875), '3 frames')
    text = render_faces([Group('a.jpg', [card])])
    assert card.label == 'anger'
    assert re.findall(r'<th scope="row">(\w+)</th>', text) == [
        'neutral',
        'anger',
    ]
    assert re.findall(r'width: ([\d.]+)%; background: (#\w+)', text) == [
        ('12.5', '#b8c4ce'),
        ('87.5', '#c8323c'),
    ]
    assert re.findall(r'>(\d+)%<', text) == ['12', '88']
    assert text.count('fer-largest') == 1
    for part in ('a.jpg', 'Face 2', '3 frames'):
        assert f'>{part}<' in text


def test_names_are_escaped():
    wild = '<script>x</script>'
    card = make_card(wild, {wild: 1.0}, wild)
    texts = [
        render_faces([Group(wild, [card])], [wild]),
        render_head(wild, [wild]),
        render_help(wild),
    ]
    for text in texts:
        assert '<script' not in text and '&lt;script&gt;' in text


def test_no_face():
    assert 'No face was found.' in render_faces([Group('a.jpg')])
    assert render_faces([]) == ''


def test_head():
    text = render_head('Title', ('neutral', 'anger'))
    assert 'not an emotion' in text and 'Nothing leaves this machine' in text
    assert text.index('neutral') < text.index('anger')


def test_picture():
    assert '<img src="data:image/jpeg;base64,YWJj"' in render_picture(b'abc')
    assert 'img' not in render_picture()
